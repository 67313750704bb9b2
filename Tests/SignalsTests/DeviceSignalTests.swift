import Host
import Machines
import Testing

@testable import Signals

struct DeviceSignalTests {
    @Test func diskTimesAndSectorsBecomeNanosecondsAndBytes() throws {
        let tree = Tree()
        try tree.write("/sys/block/nvme0n1/dev", "259:0")
        try tree.write(
            "/proc/diskstats",
            """
             259 0 nvme0n1 10 1 16 30 20 2 32 40 3 50 90 0 0 0 0 1 2
             259 1 nvme0n1p1 10 1 16 30 20 2 32 40 3 50 90
               7 0 loop0 1 1 1 1 1 1 1 1 1 1 1
             259 2 cut 1 2
            """)
        let earlier = try Disks.totals(of: tree.host)
        var disk = DiskActivity(name: "nvme0n1", major: 259, minor: 0)
        (disk.reads, disk.readBytes, disk.readTime) = (10, 16 * 512, 30_000_000)
        (disk.writes, disk.writeBytes, disk.writeTime) = (20, 32 * 512, 40_000_000)
        (disk.inFlight, disk.busy) = (3, 50_000_000)
        #expect(earlier.disks == [disk])
        var later = disk
        (later.reads, later.writes, later.inFlight) = (13, 5, 1)
        later.latencySlots = [1, 4]
        let change = Disks(disks: [later]).since(earlier).disks[0]
        #expect(change.reads == 3)
        #expect(change.writes == 0)
        #expect(change.inFlight == 1)
        #expect(change.latencySlots == [1, 4])
    }

    @Test func aDiskThatVanishedIsLeftOut() {
        let both = Disks(disks: [DiskActivity(name: "sda"), DiskActivity(name: "sdb")])
        let change = Disks(disks: [DiskActivity(name: "sdb")]).since(both)
        #expect(change.disks.map(\.name) == ["sdb"])
    }

    @Test func powerReadsEachCPU() throws {
        let tree = Tree()
        for cpu in [0, 3] {
            let folder = "\(Power.folder)/cpu\(cpu)"
            try tree.write("\(folder)/cpufreq/scaling_cur_freq", "\(cpu)200000")
            for state in 0..<11 {
                try tree.write("\(folder)/cpuidle/state\(state)/usage", "\(cpu * 100 + state)")
            }
            try tree.write("\(folder)/thermal_throttle/core_throttle_count", "2")
            try tree.write("\(folder)/thermal_throttle/package_throttle_count", "5")
        }
        let reader = try Power.open(on: Source(host: tree.host))
        let earlier = try reader()
        #expect(earlier.cpus.map(\.id) == [0, 3])
        #expect(earlier.cpus[1].kilohertz == 3_200_000)
        #expect(earlier.cpus[1].idleEntries == (300...310).map { UInt64($0) })
        #expect(earlier.cpus[0].thermalThrottles == 7)
        try tree.write("\(Power.folder)/cpu3/cpuidle/state10/usage", "317")
        #expect(try reader().since(earlier).cpus[1].idleEntries.last == 7)
        #expect(try reader().since(earlier).cpus[1].thermalThrottles == 0)
    }

    @Test func aCPUThatWasOfflineBringsNoOldIdleEntries() throws {
        var offline = CPUPower(id: 0)
        var back = CPUPower(id: 0)
        (offline.idleEntries, back.idleEntries) = ([], [900, 40])
        #expect(Power(cpus: [back]).since(Power(cpus: [offline])).cpus[0].idleEntries == [0, 0])
    }
}
