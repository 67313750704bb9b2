import Host
import Rules
import Signals
import Testing
import Training

@Suite struct LimitRulesTests {
    private func process(_ change: (inout ProcessFacts) -> Void) -> Observation {
        var process = ProcessFacts(pid: 4711, name: "python")
        change(&process)
        return Observation(job: Job(processes: [process]))
    }

    @Test func openFilesCountFromFourFifths() throws {
        func findings(_ open: UInt64) throws -> [Finding] {
            try Rule.nofileLimit.check(
                process { ($0.openFiles, $0.openFilesLimit) = (open, 1_005) })
        }
        let finding = try #require(try findings(804).first)
        #expect(finding.severity == .info)
        #expect(finding.fix.commands == ["prlimit --pid 4711 --nofile=1048576:1048576"])
        #expect(finding.fix.rollback.first == "prlimit --pid 4711 --nofile=1005:")
        #expect(try findings(803).isEmpty)
    }

    @Test func lockedMemoryCountsOnlyWithADeviceOpen() throws {
        func findings(_ limit: UInt64?, device: Bool = true) throws -> [Finding] {
            try Rule.memlockUnlimited.check(
                process { ($0.lockedLimit, $0.hasDeviceOpen) = (limit, device) })
        }
        let four: UInt64 = 4 << 30
        #expect(try findings(four - 1).first?.severity == .info)
        #expect(
            try findings(8_388_608).first?.fix.commands == [
                "prlimit --pid 4711 --memlock=unlimited:unlimited"
            ])
        #expect(try findings(four).isEmpty)
        #expect(try findings(nil).isEmpty)
        #expect(try findings(7, device: false).isEmpty)
    }

    @Test func ranksWithTheSameLimitAreOneFinding() throws {
        var observation = Observation()
        let limits: [(pid: Int32, mebibytes: UInt64)] = [(4, 8), (5, 8), (6, 9)]
        observation.job.processes = limits.map { pid, mebibytes in
            var process = ProcessFacts(pid: pid, name: "python")
            (process.lockedLimit, process.hasDeviceOpen) = (mebibytes << 20, true)
            return process
        }
        let found = try Rule.memlockUnlimited.check(observation)
        #expect(found.map(\.fix.commands.count) == [2, 1])
        #expect(
            found.first?.summary
                == "process 4 (python) and 1 more each use a device and may lock 8 MiB of memory")
    }

    @Test func memoryAreasCountFromFourFifths() throws {
        func findings(_ mappings: UInt64) throws -> [Finding] {
            try Rule.maxMapCount.check(
                process { $0.mappings = mappings }.with {
                    $0.facts.settings.sysctl["vm.max_map_count"] = "65530"
                })
        }
        #expect(try findings(52_424).first?.fix.commands == ["sysctl -w vm.max_map_count=1048576"])
        #expect(
            try findings(52_424).first?.fix.rollback.first == "sysctl -w vm.max_map_count=65530")
        #expect(try findings(52_423).isEmpty)
    }

    @Test func sharedMemoryCountsFromFourFifths() throws {
        func findings(_ used: UInt64) throws -> [Finding] {
            try Rule.devShmSize.check(
                Observation().with {
                    $0.facts.settings.sharedMemory = FilesystemUse(
                        sizeBytes: 65 * mebibyte, usedBytes: used)
                })
        }
        let finding = try #require(try findings(52 * mebibyte).first)
        #expect(finding.fix.commands == ["mount -o remount,size=133120k /dev/shm"])
        #expect(finding.fix.rollback == ["mount -o remount,size=66560k /dev/shm"])
        #expect(try findings(52 * mebibyte - 1).isEmpty)
    }

    private func group(_ path: String, tasks: UInt64, limit: UInt64?, refused: UInt64 = 0)
        -> CgroupActivity
    {
        var group = CgroupActivity(folder: "/sys/fs/cgroup" + path, path: path, version: 2)
        (group.tasks, group.tasksLimit, group.tasksRefused) = (tasks, limit, refused)
        return group
    }

    private func tasks(_ groups: CgroupActivity...) throws -> [Finding] {
        var readings = Readings()
        readings[Cgroups.self] = .success(Cgroups(groups: groups))
        return try Rule.ipcUlimitsAndPids.check(
            Observation(whole: Window(nanoseconds: memoryWindow, change: readings)))
    }

    @Test func refusedThreadsAreAWarning() throws {
        let finding = try #require(try tasks(group("/job", tasks: 3, limit: 37, refused: 1)).first)
        #expect(finding.severity == .warning)
        #expect(finding.fix.commands == ["echo 148 > /sys/fs/cgroup/job/pids.max"])
        #expect(finding.fix.rollback == ["echo 37 > /sys/fs/cgroup/job/pids.max"])
    }

    @Test func aNearlyFullGroupIsInformation() throws {
        #expect(try tasks(group("/job", tasks: 63, limit: 70)).first?.severity == .info)
        #expect(try tasks(group("/job", tasks: 62, limit: 70)).isEmpty)
        #expect(try tasks(group("/job", tasks: 70_001, limit: nil)).isEmpty)
    }

    @Test func theParentAtItsLimitIsBlamedOnce() throws {
        let findings = try tasks(
            group("/a", tasks: 37, limit: 37), group("/a/b", tasks: 30, limit: nil, refused: 3))
        #expect(findings.map { $0.culprit?.id } == ["/a"])
        #expect(findings.first?.severity == .warning)
    }
}
