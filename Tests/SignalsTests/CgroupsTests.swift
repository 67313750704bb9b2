import Host
import Machines
import Testing

@testable import Signals

struct CgroupsTests {
    private let unified = "/sys/fs/cgroup"

    private var version2: CgroupLayout {
        var layout = CgroupLayout()
        layout.unified = unified
        return layout
    }

    private func writeVersion2(_ tree: borrowing Tree) throws {
        try tree.write("\(unified)/cpu.stat", "usage_usec 5")
        try tree.write("\(unified)/memory.pressure", "some total=4\nfull total=1")
        try tree.write("\(unified)/jobs/cpu.max", "250000 100000")
        try tree.write(
            "\(unified)/jobs/cpu.stat", "nr_periods 90\nnr_throttled 9\nthrottled_usec 1234")
        let job = "\(unified)/jobs/7"
        try tree.write("\(job)/cpu.max", "max 100000")
        try tree.write("\(job)/memory.current", "4096")
        try tree.write("\(job)/memory.max", "max")
        try tree.write("\(job)/memory.high", "8192")
        try tree.write("\(job)/memory.events", "low 0\nhigh 3\nmax 2\noom 1\noom_kill 1")
        try tree.write("\(job)/memory.stat", "anon 1\nworkingset_refault_file 17")
        try tree.write("\(job)/pids.current", "12")
        try tree.write("\(job)/pids.max", "100")
        try tree.write("\(job)/pids.events", "max 5")
        try tree.write("\(job)/cpuset.cpus.effective", "0-3")
        try tree.write("\(job)/cpuset.cpus.partition", "isolated")
    }

    @Test func walksEveryAncestorUpToTheRoot() throws {
        let tree = Tree()
        try writeVersion2(tree)
        let paths = [(pid: Int32(11), cgroups: ["": "/jobs/7"]), (12, ["": "/jobs"])]
        let groups = Cgroups.read(host: tree.host, layout: version2, paths: paths).groups
        #expect(groups.map(\.path) == ["/", "/jobs", "/jobs/7"])
        #expect(groups.map(\.folder) == [unified, "\(unified)/jobs", "\(unified)/jobs/7"])
        #expect(groups.map(\.pids) == [[11, 12], [11, 12], [11]])
        #expect(groups[0].bandwidth == nil)
        #expect(groups[0].memory == nil)
        #expect(groups[0].memoryPressure == Stall(some: 4000, full: 1000))
        let quota = Bandwidth(
            quotaMicroseconds: 250_000, periods: 90, throttledPeriods: 9, throttled: 1_234_000)
        #expect(groups[1].bandwidth == quota)
    }

    @Test func readsLimitsAndEventsOfVersion2() throws {
        let tree = Tree()
        try writeVersion2(tree)
        let all = Cgroups.read(host: tree.host, layout: version2, paths: [(11, ["": "/jobs/7"])])
        let job = try #require(all.groups.last)
        #expect(job.bandwidth == Bandwidth())
        #expect(
            job.memory
                == MemoryControl(
                    current: 4096, limit: nil, high: 8192, highEvents: 3, limitEvents: 2,
                    oomKills: 1, fileRefaults: 17))
        #expect(job.tasks == 12 && job.tasksLimit == 100 && job.tasksRefused == 5)
        #expect(job.cpus == CPUSet(effective: "0-3", partition: "isolated"))
        #expect(job.ioPressure == nil)
        #expect(all.gaps == Gaps())
    }

    @Test func readsACapturedHostWithVersion1() throws {
        let host = fixture("quiet")
        let paths = [(pid: Int32(7), cgroups: try #require(host.process(7).cgroups))]
        let all = Cgroups.read(host: host, layout: CgroupLayout.read(from: host), paths: paths)
        let memory = all.groups.filter { $0.memory != nil }
        #expect(memory.map(\.path) == ["/", "/batch", "/batch/job"])
        #expect(memory.allSatisfy { $0.version == 1 && $0.memory?.limit == nil })
        #expect(memory[0].memory?.fileRefaults ?? 0 > 0)
        let cpu = all.groups.first { $0.folder == "/sys/fs/cgroup/cpu" }
        #expect(cpu?.bandwidth == Bandwidth())
        #expect(all.groups.first { $0.cpus != nil }?.cpus?.effective == "0-1")
        #expect(all.groups.first { $0.version == 2 }?.memoryPressure != nil)
    }

    @Test func version1KnowsItsQuotaAndOldRefaultNames() throws {
        let tree = Tree()
        var layout = CgroupLayout()
        layout.version1 = ["cpu": "/cg/cpu,cpuacct", "memory": "/cg/memory"]
        let folder = "/cg/cpu,cpuacct/job"
        try tree.write("\(folder)/cpu.cfs_quota_us", "50000")
        try tree.write("\(folder)/cpu.cfs_period_us", "10000")
        try tree.write("\(folder)/cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 99")
        try tree.write("/cg/memory/memory.usage_in_bytes", "1")
        try tree.write("/cg/memory/memory.limit_in_bytes", "1048576")
        try tree.write("/cg/memory/memory.stat", "workingset_refault 1\ntotal_workingset_refault 8")
        let paths = [(pid: Int32(1), cgroups: ["cpu": "/job", "memory": "/", "devices": "/x"])]
        let groups = Cgroups.read(host: tree.host, layout: layout, paths: paths).groups
        #expect(groups.map(\.folder) == ["/cg/cpu,cpuacct", folder, "/cg/memory"])
        let quota = Bandwidth(
            quotaMicroseconds: 50_000, periodMicroseconds: 10_000, periods: 3,
            throttledPeriods: 2, throttled: 99)
        #expect(groups[1].bandwidth == quota)
        #expect(groups[2].memory == MemoryControl(current: 1, limit: 1 << 20, fileRefaults: 8))
    }

    @Test func saysWhatLiesOutsideOfTheNamespace() throws {
        let tree = Tree()
        try writeVersion2(tree)
        let paths = [(pid: Int32(1), cgroups: ["": "/../other"]), (2, ["": "/jobs/gone"])]
        let all = Cgroups.read(host: tree.host, layout: version2, paths: paths)
        #expect(all.groups.map(\.path) == ["/", "/jobs"])
        #expect(
            all.gaps.reasons == [
                "control group /../other is outside of Stoker's cgroup namespace",
                "control group /jobs/gone is not below /sys/fs/cgroup",
            ])
    }

    @Test func aNewlyWatchedGroupStartsAtZero() throws {
        var group = CgroupActivity(folder: "/a", path: "/a", version: 2)
        group.bandwidth = Bandwidth(periods: 90, throttledPeriods: 9, throttled: 77)
        group.memory = MemoryControl(current: 5, highEvents: 4)
        let fresh = Cgroups(groups: [group]).since(Cgroups()).groups[0]
        #expect(fresh.bandwidth == Bandwidth())
        #expect(fresh.memory == MemoryControl(current: 5))
        var earlier = group
        earlier.bandwidth?.throttled = 70
        earlier.memory?.highEvents = 9
        let change = Cgroups(groups: [group]).since(Cgroups(groups: [earlier])).groups[0]
        #expect(change.bandwidth?.throttled == 7)
        #expect(change.memory?.highEvents == 0)
    }
}
