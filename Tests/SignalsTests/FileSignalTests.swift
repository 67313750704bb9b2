import Host
import Machines
import Testing

@testable import Signals

struct FileSignalTests {
    @Test func everyFileSignalReadsACapturedHost() throws {
        let source = Source(host: fixture("quiet"))
        #expect(try Interrupts.open(on: source)().row("TLB")?.counts.count == 2)
        #expect(try SoftIRQs.open(on: source)().lines.count == 10)
        #expect(try VirtualMemory.open(on: source)()["pgfault"] > 0)
        #expect(try Pressure.open(on: source)().io.some > 0)
        let memory = try FreeMemory.open(on: source)()
        #expect(memory.zones.map(\.name) == ["DMA", "DMA32", "Normal"])
        #expect(memory.zones.allSatisfy { $0.freeBlocks.count == 11 && $0.low > $0.minimum })
        #expect(memory.gaps == Gaps())
        let nodes = try NodeMemory.open(on: source)()
        #expect(nodes.nodes.map(\.id) == [0] && nodes.nodes[0].local > 0)
        #expect(nodes.nodes[0].hugepages.count == 2 && nodes.gaps == Gaps())
        #expect(try NUMABalancing.open(on: source)().gaps == Gaps())
        #expect(try Disks.open(on: source)().disks.map(\.name) == ["vda", "zram0"])
        #expect(throws: Unavailable.self) { try Power.open(on: source) }
    }

    @Test func everyFileSignalReadsThisHost() throws {
        let source = Source(host: Host())
        let interrupts = try Interrupts.open(on: source)
        let earlier = try interrupts()
        let change = try interrupts().since(earlier)
        #expect(change.lines.count >= earlier.lines.count)
        #expect(try VirtualMemory.open(on: source)()["pgfault"] > 0)
        #expect(try FreeMemory.open(on: source)().meminfo["MemTotal"] ?? 0 > 0)
    }

    @Test func softIRQsAddDropsOfAllCPUs() throws {
        let tree = Tree()
        try tree.write("/proc/softirqs", "  CPU0 CPU1\n HI: 1 2\n NET_RX: 30 40")
        #expect(try SoftIRQs.counts(of: tree.host).gaps.reasons.count == 1)
        try tree.write(
            "/proc/net/softnet_stat", "0000000c 0000000a 00000001 0\n0000000c 00000001 00000002 0")
        let earlier = try SoftIRQs.counts(of: tree.host)
        #expect(earlier.dropped == 11 && earlier.squeezed == 3)
        #expect(earlier.gaps == Gaps())
        try tree.write("/proc/softirqs", "  CPU0 CPU1\n NET_RX: 37 40")
        let change = try SoftIRQs.counts(of: tree.host).since(earlier)
        #expect(change.lines.map(\.name) == ["NET_RX"])
        #expect(change.lines.map(\.counts) == [[7, 0]])
        #expect(change.dropped == 0)
    }

    @Test func gaugesOfVirtualMemoryKeepTheLaterValue() {
        let earlier = VirtualMemory(["nr_dirty": 9, "nr_dirtied": 5, "pgfault": 50, "gone": 1])
        let later = VirtualMemory(["nr_dirty": 3, "nr_dirtied": 12, "pgfault": 40, "fresh": 2])
        #expect(
            later.since(earlier).counters == [
                "nr_dirty": 3, "nr_dirtied": 7, "pgfault": 0, "fresh": 2,
            ])
    }

    @Test(arguments: [
        ("nr_free_pages", true), ("nr_dirty_threshold", true), ("workingset_nodes", true),
        ("nr_written", false), ("nr_tlb_remote_flush", false), ("nr_foll_pin_acquired", false),
        ("nr_vmscan_write", false), ("workingset_refault_file", false), ("numa_hit", false),
    ])
    func tellsGaugesFromCounters(name: String, isGauge: Bool) {
        #expect(VirtualMemory.isGauge(name) == isGauge)
    }

    @Test func pressureIsInNanoseconds() throws {
        let tree = Tree()
        try tree.write("/proc/pressure/cpu", "some avg10=0.00 total=7")
        try tree.write("/proc/pressure/memory", "some total=5\nfull total=3")
        #expect(throws: Unavailable.self) { try Pressure.open(on: Source(host: tree.host)) }
        try tree.write("/proc/pressure/io", "garbage")
        let pressure = try Pressure.open(on: Source(host: tree.host))()
        #expect(pressure.cpu == Stall(some: 7000, full: 0))
        #expect(pressure.memory == Stall(some: 5000, full: 3000))
        #expect(pressure.since(Pressure(memory: Stall(some: 6000, full: 1000))).memory.some == 0)
    }

    @Test func zonesOfEachNodeGetTheirFreeBlocks() throws {
        let tree = Tree()
        try tree.write("/proc/meminfo", "MemTotal: 8 kB")
        try tree.write(
            "/proc/zoneinfo",
            """
            Node 0, zone      DMA
              per-node stats
                  nr_high 3
              pages free     0
                    managed  0
            Node 1, zone   Normal
              pages free     400
                    min      5
                    low      6
                    high     7
                    managed  900
              pagesets
                cpu: 0
                          high:  378
            """)
        #expect(try FreeMemory.gauges(of: tree.host).gaps.reasons.count == 1)
        try tree.write("/proc/buddyinfo", "Node 1, zone   Normal   4   0   2 \nnoise")
        let memory = try FreeMemory.gauges(of: tree.host)
        #expect(
            memory.zones == [
                MemoryZone(
                    node: 1, name: "Normal", free: 400, minimum: 5, low: 6, high: 7, managed: 900,
                    freeBlocks: [4, 0, 2])
            ])
    }
}
