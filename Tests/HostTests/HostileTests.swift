import Host
import Machines
import Testing

/// Files that no kernel writes, or that end in the middle: nothing may crash, and nothing wrong
/// may be told.
struct HostileTests {
    private static let paths = [
        "/proc/cpuinfo", "/proc/meminfo", "/proc/interrupts", "/proc/swaps", "/proc/self/mounts",
        "/proc/cmdline", "/proc/sys/kernel/osrelease", "/proc/sys/vm/swappiness",
        "/proc/irq/default_smp_affinity", "/proc/42/comm", "/sys/devices/system/cpu/online",
        "/sys/devices/system/cpu/isolated", "/sys/devices/system/cpu/cpu0/topology/core_id",
        "/sys/devices/system/cpu/cpu0/cache/index3/level",
        "/sys/devices/system/cpu/cpu0/cpuidle/state0/latency",
        "/sys/devices/system/cpu/cpufreq/policy0/affected_cpus",
        "/sys/devices/system/node/node0/cpulist", "/sys/devices/system/node/node0/meminfo",
        "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages",
        "/sys/block/sda/dev", "/sys/block/sda/queue/scheduler",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ]

    private static let contents: [[UInt8]] = [
        [], [0], Array("\n\n\n".utf8), Array("-1".utf8), Array("99999999999999999999999".utf8),
        Array("[".utf8), Array("][".utf8), Array("0-65535,70000".utf8), [0xFF, 0xFE, 0x28, 0x29],
        Array("flags".utf8), Array("Node 0 MemTotal: 18446744073709551615 kB".utf8),
    ]

    @Test(arguments: contents)
    func survives(content: [UInt8]) throws {
        let tree = Tree()
        for path in Self.paths { try tree.write(path, bytes: content) }
        let facts = HostFacts.read(from: tree.host)
        #expect(facts.interrupts.isEmpty)
        #expect(facts.cgroups == CgroupLayout())
        #expect(facts.managers.running.isEmpty)
    }

    @Test func survivesAMegabyteOfNoise() throws {
        let tree = Tree()
        var state: UInt64 = 4711
        let piece = (0..<(1 << 16)).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        let noise = Array(repeatElement(piece, count: 16).joined())
        for path in Self.paths { try tree.write(path, bytes: piece) }
        try tree.write("/proc/interrupts", bytes: noise)
        #expect(HostFacts.read(from: tree.host).interrupts.isEmpty)
        #expect(ProcessStat(parsing: noise) == nil)
    }

    @Test func anEmptyTreeIsAllUnknown() {
        let facts = HostFacts.read(from: Tree().host)
        #expect(facts == HostFacts())
    }
}
