import Host
import Rules
import Signals
import Testing
import Training

@Suite struct HugetlbPoolTests {
    private let pool = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"

    /// The rank runs on node 0 and holds reserved pages of node 1.
    private func observation(
        held: UInt64, free: Int64 = 0, total: Int64 = 0, pageBytes: UInt64 = 2 << 20
    ) -> Observation {
        var seen = Placed.observation(
            [Placed.thread(on: [0: .ms(7_001)])],
            memory: Placed.memory([0: 31 * mebibyte], hugetlb: [1: held]))
        seen.facts.hugepages = [
            HugepagePool(node: 0, pageBytes: pageBytes, total: total, free: free, surplus: 0),
            HugepagePool(node: 1, pageBytes: pageBytes, total: 97, free: 3, surplus: 0),
        ]
        return seen
    }

    @Test func pagesOnTheWrongNodeAreAWarning() throws {
        let finding = try #require(
            try Rule.hugetlbPoolPerNode.check(observation(held: 128 * mebibyte)).first)
        #expect(finding.severity == .warning)
        #expect(
            finding.summary == """
                process 701 (python) runs on node 0, whose pool has no free 2048 kB page (0 in \
                all): 64 of its pages lie on node 1
                """)
        #expect(finding.fix.commands == ["echo 64 > \(pool)", "migratepages 701 1 0"])
        #expect(finding.fix.rollback.first == "echo 0 > \(pool)")
    }

    @Test func firesFromSixteenMebibytes() throws {
        let rule = Rule.hugetlbPoolPerNode
        #expect(try rule.check(observation(held: 14 * mebibyte)).isEmpty)
        #expect(try rule.check(observation(held: 16 * mebibyte)).count == 1)
        #expect(try rule.check(observation(held: 64 * mebibyte, free: 1, total: 1)).isEmpty)
    }

    @Test func thePoolIsNamedAndTheMemoryNotNamedAgain() throws {
        let seen = observation(held: 512 * mebibyte)
        #expect(try Rule.numaRemoteMemory.check(seen).isEmpty)
        #expect(diagnose(catalogue, seen).findings.first?.rule == "hugetlb-pool-per-node")
        // With free pages at home, it is not the pool.
        let free = observation(held: 512 * mebibyte, free: 300, total: 300)
        #expect(try Rule.numaRemoteMemory.check(free).count == 1)
    }

    @Test func poolsAreReadAnewWhereTheyCanBe() throws {
        var seen = observation(held: 512 * mebibyte)
        var node = NodeMemoryActivity(id: 0)
        node.hugepages = [
            HugepagePool(node: 0, pageBytes: 2 << 20, total: 300, free: 300, surplus: 0)
        ]
        seen.whole.change[NodeMemory.self] = .success(NodeMemory(nodes: [node]))
        #expect(try Rule.hugetlbPoolPerNode.check(seen).isEmpty)
    }

    @Test func pagesOfAGibibyteAreForTheBoot() throws {
        let seen = observation(held: 2 << 30, pageBytes: 1 << 30)
        #expect(try Rule.hugetlbPoolPerNode.check(seen).isEmpty)
        let finding = try #require(try Rule.hugepage1GBoot.check(seen).first)
        #expect(finding.severity == .warning && finding.fix.needsReboot)
        #expect(
            finding.fix.persist == [
                "add to the kernel command line: hugepagesz=1G hugepages=0:2,1:97"
            ])
    }
}

@Suite struct NodeCacheExhaustionTests {
    private func findings(
        free: UInt64 = 1, other: UInt64 = 40, file: UInt64 = 60, foreign: UInt64 = 10_000,
        faults: UInt64 = 10_000
    ) throws -> [Finding] {
        var thread = Placed.thread(on: [0: .ms(7_001)])
        thread.minorFaults = faults
        var seen = Placed.observation([thread])
        var full = NodeMemoryActivity(id: 0)
        (full.total, full.free, full.file, full.foreign) = (100, free, file, foreign)
        var roomy = NodeMemoryActivity(id: 1)
        (roomy.total, roomy.free) = (100, other)
        seen.whole.change[NodeMemory.self] = .success(NodeMemory(nodes: [full, roomy]))
        return try Rule.nodeCacheExhaustion.check(seen)
    }

    @Test func needsAFullNodeARoomyOneAndPagesFromAfar() throws {
        #expect(try findings().first?.severity == .warning)
        #expect(try findings(free: 2).isEmpty)
        #expect(try findings(other: 19).isEmpty)
        #expect(try findings(other: 20).count == 1)
        #expect(try findings(file: 29).isEmpty)
        #expect(try findings(file: 30).count == 1)
        #expect(try findings(foreign: 9_999).isEmpty)
    }

    @Test func pagesOfOthersAreNoWarning() throws {
        #expect(try findings(faults: 9_999).first?.severity == .info)
    }
}

@Suite struct FragmentationByNodeTests {
    /// Free blocks of 2 MiB on node 1 of a host with two nodes of 100,000 pages each.
    private func observation(_ blocks: UInt64, defrag: String = "always") -> Observation {
        let zones = [(0, UInt64(90)), (1, blocks)].map { node, large in
            MemoryZone(
                node: node, name: "DMA32", free: 51_200, managed: 51_200,
                freeBlocks: [UInt64](repeating: 7, count: 9) + [large, 0])
        }
        return observe([
            trainer(71, [.compaction: percent(5)]) { $0.minorFaults = 9_001 }
        ]) {
            $0.vmstat(["thp_fault_fallback": 1_501])
            $0.meminfo([:], zones: zones)
        }.with {
            $0.facts.topology = Scheduling.eightCPUs().topology
            $0.facts.settings.thpDefrag = defrag
        }
    }

    @Test func nodesInPiecesAreNamedFromOnePercentDown() throws {
        let words = "; free memory of node 1 is in pieces below 2 MiB"
        func summary(_ blocks: UInt64) throws -> String? {
            try Rule.thpFallbackFragmentation.check(observation(blocks)).first?.summary
        }
        #expect(try summary(0)?.hasSuffix(words) == true)
        #expect(try summary(1)?.hasSuffix(words) == false)
        let stall = try Rule.thpDefragDirectStall.check(observation(0)).first
        #expect(stall?.summary.hasSuffix(words) == true)
    }

    @Test func onlyTheirMemoryIsPutTogether() throws {
        func last(_ blocks: UInt64) throws -> String? {
            try Rule.thpFallbackFragmentation.check(observation(blocks)).first?.fix.commands.last
        }
        #expect(try last(0) == "echo 1 > /sys/devices/system/node/node1/compact")
        #expect(try last(1) == "echo 1 > /proc/sys/vm/compact_memory")
        let never = observation(0, defrag: "never")
        #expect(
            try Rule.compactionProactiveness.check(never).first?.fix.commands == [
                "echo 1 > /sys/devices/system/node/node1/compact"
            ])
    }
}

/// Which CPUs the isolation advice keeps for the system.
@Suite struct IsolationOnNodesTests {
    /// `nodes` nodes of `cores` cores; the two threads of a core are `half` apart.
    private func host(nodes: Int, cores: Int) -> HostFacts {
        var facts = HostFacts()
        let half = nodes * cores
        facts.topology.online = CPUList(0..<2 * half)
        facts.topology.cpus = (0..<2 * half).map { id in
            var cpu = CPUFacts(id: id)
            cpu.siblings = CPUList([id % half, id % half + half])
            cpu.node = id % half / cores
            return cpu
        }
        facts.topology.nodes = (0..<nodes).map { node in
            let first = node * cores
            return NodeFacts(
                id: node,
                cpus: CPUList(
                    Array(first..<first + cores) + Array(first + half..<first + half + cores)),
                memoryBytes: 1 << 30, distances: [])
        }
        return facts
    }

    private func persisted(_ facts: HostFacts) throws -> String? {
        let waiting = Scheduling.wait(701, behind: 37, "kworker/5:1", .ms(901), kind: .kthread)
        let seen = Scheduling.observation(
            facts, threads: [Scheduling.thread(701, [.waiting: .ms(901)])], waits: [waiting])
        return try Rule.isolcpusNohzFull.check(seen).first?.fix.persist.first
    }

    @Test func siblingsStayTogetherAndEachNodeKeepsSome() throws {
        // Two cores of each node of 24, with both threads.
        let large = try #require(try persisted(host(nodes: 2, cores: 24)))
        #expect(large.hasSuffix("irqaffinity=0-1,24-25,48-49,72-73"))
        // One core of each node of four.
        let small = try #require(try persisted(host(nodes: 2, cores: 4)))
        #expect(small.hasSuffix("irqaffinity=0,4,8,12"))
    }

    @Test func nodesOfOneCoreShareOneForTheHost() throws {
        let tiny = try #require(try persisted(host(nodes: 4, cores: 1)))
        #expect(tiny.hasSuffix("irqaffinity=0,4"))
        #expect(tiny.contains("nohz_full=1-3,5-7"))
    }

    @Test func aPartitionGetsTheMemoryOfItsNodes() throws {
        var facts = host(nodes: 2, cores: 4)
        facts.kernelVersion = KernelVersion(major: 6, minor: 1)
        facts.cgroups.unified = "/sys/fs/cgroup"
        facts.cgroups.unifiedControllers = ["cpuset"]
        func commands() throws -> [String] {
            let waiting = Scheduling.wait(701, behind: 37, "kworker/5:1", .ms(901), kind: .kthread)
            let seen = Scheduling.observation(
                facts, threads: [Scheduling.thread(701, [.waiting: .ms(901)])], waits: [waiting])
            return try Rule.cpusetIsolatedPartition.check(seen).first?.fix.commands ?? []
        }
        #expect(try commands().contains { $0.contains("cpuset.mems") } == false)
        // A node without CPUs, such as memory behind CXL.
        facts.topology.nodes.append(
            NodeFacts(id: 2, cpus: CPUList([]), memoryBytes: 1 << 30, distances: []))
        #expect(
            try commands().suffix(2) == [
                "echo 0-1 > /sys/fs/cgroup/stoker-training/cpuset.mems",
                "echo isolated > /sys/fs/cgroup/stoker-training/cpuset.cpus.partition",
            ])
    }
}
