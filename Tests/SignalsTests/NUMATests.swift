import Host
import Machines
import Testing

@testable import Signals

/// Nodes and NUMA balancing on hosts of one node and of many, with memory and without.
struct NUMATests {
    private let folder = "/sys/devices/system/node"

    private func write(
        _ tree: borrowing Tree, node: Int, hits: Int, other: Int, kilobytes: Int
    ) throws {
        try tree.write(
            "\(folder)/node\(node)/numastat",
            """
            numa_hit \(hits)
            numa_miss 3
            numa_foreign 5
            interleave_hit 7
            local_node \(hits - other)
            other_node \(other)
            """)
        try tree.write(
            "\(folder)/node\(node)/meminfo",
            """
            Node \(node) MemTotal:       \(kilobytes) kB
            Node \(node) MemFree:        \(kilobytes / 2) kB
            Node \(node) FilePages:      12 kB
            Node \(node) AnonPages:      34 kB
            Node \(node) AnonHugePages:  8 kB
            Node \(node) HugePages_Total:     0
            """)
    }

    private func facts(memory: [UInt64]) -> HostFacts {
        var facts = HostFacts()
        facts.topology.nodes = memory.enumerated().map { id, bytes in
            NodeFacts(id: id, cpus: CPUList([id]), memoryBytes: bytes, distances: [])
        }
        return facts
    }

    private func source(_ tree: borrowing Tree, memory: [UInt64]) -> Source {
        Source(host: tree.host, facts: facts(memory: memory), watch: Watch(), probes: false)
    }

    @Test func readsNodesWithGapsAndWithoutMemory() throws {
        let tree = Tree()
        try write(tree, node: 0, hits: 100, other: 10, kilobytes: 1000)
        try write(tree, node: 3, hits: 0, other: 0, kilobytes: 0)
        try write(tree, node: 12, hits: 70, other: 60, kilobytes: 2000)
        let pool = "\(folder)/node12/hugepages/hugepages-2048kB"
        try tree.write("\(pool)/nr_hugepages", "9")
        try tree.write("\(pool)/free_hugepages", "4")
        let memory = try NodeMemory.open(on: Source(host: tree.host))()
        #expect(memory.nodes.map(\.id) == [0, 3, 12])
        #expect(memory.nodes.map(\.total) == [1000 << 10, 0, 2000 << 10])
        #expect(memory.nodes[2].free == 1000 << 10)
        #expect(memory.nodes[0].local == 90 && memory.nodes[0].other == 10)
        #expect(memory.nodes[0].misses == 3 && memory.nodes[0].foreign == 5)
        #expect(memory.nodes[0].file == 12 << 10 && memory.nodes[0].anonymous == 34 << 10)
        #expect(memory.nodes[0].anonymousHuge == 8 << 10)
        #expect(memory.nodes[0].hugepages.isEmpty)
        #expect(memory.nodes[2].hugepages.map(\.free) == [4])
        #expect(memory.gaps == Gaps())
    }

    @Test func countsGrowAndGaugesStay() throws {
        let tree = Tree()
        try write(tree, node: 0, hits: 100, other: 10, kilobytes: 1000)
        let read = try NodeMemory.open(on: Source(host: tree.host))
        let earlier = try read()
        try write(tree, node: 0, hits: 117, other: 12, kilobytes: 900)
        try write(tree, node: 1, hits: 7, other: 7, kilobytes: 500)
        let change = try read().since(earlier)
        #expect(change.nodes.map(\.hits) == [17, 7])
        #expect(change.nodes[0].local == 15 && change.nodes[0].other == 2)
        #expect(change.nodes[0].misses == 0 && change.nodes[0].foreign == 0)
        #expect(change.nodes[0].total == 900 << 10)
    }

    @Test func aNodeThatCannotBeReadIsNamed() throws {
        let tree = Tree()
        #expect(throws: Unavailable.self) { try NodeMemory.open(on: Source(host: tree.host)) }
        try tree.write("\(folder)/node1/meminfo", "Node 1 MemTotal: 5 kB")
        #expect(throws: Unavailable.self) { try NodeMemory.open(on: Source(host: tree.host)) }
        try write(tree, node: 0, hits: 1, other: 0, kilobytes: 4)
        let memory = try NodeMemory.open(on: Source(host: tree.host))()
        #expect(memory.nodes.map(\.id) == [0])
        #expect(memory.gaps.reasons.count == 1)
        #expect(memory.gaps.reasons.first?.contains("node1/numastat") == true)
    }

    @Test func countersThatAreSwitchedOffAreAGapOnlyBesideOtherNodes() throws {
        let tree = Tree()
        try tree.write("/proc/sys/vm/numa_stat", "0")
        try write(tree, node: 0, hits: 0, other: 0, kilobytes: 4)
        #expect(try NodeMemory.totals(of: tree.host).gaps == Gaps())
        try write(tree, node: 1, hits: 0, other: 0, kilobytes: 4)
        #expect(try NodeMemory.totals(of: tree.host).gaps.reasons.count == 1)
        try tree.write("/proc/sys/vm/numa_stat", "1")
        #expect(try NodeMemory.totals(of: tree.host).gaps == Gaps())
    }

    @Test(arguments: [[], [0], [0xFF, 0x20], Array("numa_hit x\nNode 0 MemFree: -1".utf8)])
    func survivesFilesThatNoKernelWrites(content: [UInt8]) throws {
        let tree = Tree()
        try tree.write("\(folder)/node0/numastat", bytes: content)
        try tree.write("\(folder)/node0/meminfo", bytes: content)
        #expect(try NodeMemory.totals(of: tree.host).nodes == [NodeMemoryActivity(id: 0)])
    }

    // Balancing

    private func writeCounters(_ tree: borrowing Tree, marked: Int, faults: Int) throws {
        try tree.write(
            "/proc/vmstat",
            """
            numa_hit 5
            numa_pte_updates \(marked)
            numa_huge_pte_updates 2
            numa_hint_faults \(faults)
            numa_hint_faults_local 3
            numa_pages_migrated \(faults / 2)
            """)
    }

    @Test func balancingReadsTheHostsCounters() throws {
        let tree = Tree()
        #expect(throws: Unavailable.self) { try NUMABalancing.open(on: Source(host: tree.host)) }
        try writeCounters(tree, marked: 1000, faults: 80)
        let read = try NUMABalancing.open(on: Source(host: tree.host))
        let earlier = try read()
        try writeCounters(tree, marked: 1717, faults: 90)
        let change = try read().since(earlier)
        #expect(change.pagesMarked == 717 && change.hintFaults == 10)
        #expect(change.localHintFaults == 0 && change.pagesMigrated == 5)
    }

    @Test(arguments: [[], [1 << 30], [1 << 30, 0], [0, 1 << 30, 0]])
    func oneNodeWithMemoryWantsNoProbe(memory: [UInt64]) throws {
        let tree = Tree()
        try writeCounters(tree, marked: 0, faults: 0)
        try tree.write("/proc/sys/kernel/numa_balancing", "1")
        let source = source(tree, memory: memory)
        #expect(source.numa == nil)
        #expect(!source.hooks.contains { $0.probe == "numa" })
        let balancing = try NUMABalancing.open(on: source)()
        #expect(balancing.scans == nil && balancing.gaps == Gaps())
    }

    @Test func twoNodesWithoutTheProbeAreAGapWithOneReason() throws {
        let tree = Tree()
        try writeCounters(tree, marked: 0, faults: 0)
        try tree.write("/proc/sys/kernel/numa_balancing", "1")
        let source = source(tree, memory: [1 << 30, 1 << 30])
        #expect(source.hooks.contains { $0.probe == "numa" && $0.signal == "numa-balancing" })
        let balancing = try NUMABalancing.open(on: source)()
        #expect(balancing.scans == nil)
        #expect(
            balancing.gaps.reasons == [
                "page-table scans and reasons for moving pages not told: probes are switched off"
            ])
    }

    @Test func balancingThatIsOffScansNothing() throws {
        let tree = Tree()
        try writeCounters(tree, marked: 0, faults: 0)
        let source = source(tree, memory: [1 << 30, 1 << 30])
        for setting in [nil, "0"] {
            if let setting { try tree.write("/proc/sys/kernel/numa_balancing", setting) }
            let balancing = try NUMABalancing.open(on: source)()
            #expect(balancing.scans == [])
            #expect(
                balancing.gaps.reasons == [
                    "reasons for moving pages not told: probes are switched off"
                ])
        }
    }

    @Test func scansAndReasonsAreSubtracted() {
        let earlier = NUMABalancing(
            scans: [
                NUMAScan(tid: 7, count: 2, nanoseconds: 900, longest: 600),
                NUMAScan(tid: 8, count: 1, nanoseconds: 50, longest: 50),
            ], migrated: ["compaction": 10, "syscall": 4], gaps: Gaps(lost: 3))
        let later = NUMABalancing(
            scans: [
                NUMAScan(tid: 7, count: 5, nanoseconds: 1400, longest: 600),
                NUMAScan(tid: 8, count: 1, nanoseconds: 50, longest: 50),
                NUMAScan(tid: 9, count: 2, nanoseconds: 80, longest: 70),
            ], migrated: ["compaction": 10, "syscall": 9, "numa_misplaced": 2],
            gaps: Gaps(reasons: ["why"], lost: 8))
        let change = later.since(earlier)
        #expect(
            change.scans == [
                NUMAScan(tid: 7, count: 3, nanoseconds: 500, longest: 500),
                NUMAScan(tid: 9, count: 2, nanoseconds: 80, longest: 70),
            ])
        #expect(change.migrated == ["syscall": 5, "numa_misplaced": 2])
        #expect(change.gaps == Gaps(reasons: ["why"], lost: 5))
        #expect(NUMABalancing().since(earlier).scans == nil)
        #expect(later.since(NUMABalancing()).scans?.map(\.count) == [5, 1, 2])
    }

    @Test func reasonsHaveTheKernelsNames() {
        #expect(NUMAProbe.shownName("MR_NUMA_MISPLACED") == "numa_misplaced")
        #expect(NUMAProbe.shownName("MR_TYPES") == "other")
        #expect(NUMAProbe.shownName(nil) == "other")
    }
}
