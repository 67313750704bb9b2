import Host
import Rules
import Signals
import Testing
import Training

@Suite struct ThreadDriftTests {
    private let rule = Rule.numaThreadDrift

    private func drifting(
        off: UInt64 = .ms(1_400), moves: UInt64 = 3, changes: Int = 0, role: Role = .launch
    ) -> Observation {
        var thread = Placed.thread(on: [0: .ms(7_000) - off, 1: off])
        thread.nodeMigrations = moves
        thread.migrations = moves + 601
        thread.cacheMigrations = moves + 601
        var seen = Placed.observation([thread], roles: [701: role])
        seen.job.processes[0].affinityChanges = [701: changes]
        return seen
    }

    @Test func firesFromAFifthOfTheTime() throws {
        #expect(try rule.check(drifting(off: .ms(1_400) - 1)).isEmpty)
        let finding = try #require(try rule.check(drifting()).first)
        #expect(finding.severity == .warning)
        #expect(
            finding.summary == """
                launch thread 701 (python) wanders between nodes 0 and 1 0.3 times/s: 80.0 % on \
                node 0, 20.0 % on node 1 of its CPU time
                """)
    }

    @Test func whoMovesOnceDoesNotDrift() throws {
        #expect(try rule.check(drifting(moves: 1)).isEmpty)
        #expect(try rule.check(drifting(moves: 2)).count == 1)
    }

    @Test func movesInOneBurstDoNotCount() throws {
        func findings(windows: Int) throws -> [Finding] {
            var seen = drifting(moves: 31)
            seen.timeline = (0..<10).map { index in
                var thread = Placed.thread(on: [0: .ms(700)])
                thread.nodeMigrations = index < windows ? 1 : 0
                var readings = Readings()
                readings[Threads.self] = .success(Threads(threads: [thread]))
                return Window(nanoseconds: 1_000_000_000, change: readings)
            }
            return try rule.check(seen)
        }
        #expect(try findings(windows: 2).isEmpty)
        #expect(try findings(windows: 3).count == 1)
    }

    @Test func otherRolesMayWander() throws {
        #expect(try rule.check(drifting(role: .loader)).isEmpty)
        #expect(try rule.check(drifting(role: .nccl)).count == 1)
    }

    @Test func oneSymptomHasOneRule() throws {
        let drift = drifting()
        #expect(try Rule.llcMigration.check(drift).isEmpty)
        #expect(try Rule.affinityChurn.check(drift).isEmpty)
        // Whose mask is rewritten all the time is bounced, and does not wander.
        let bounced = drifting(changes: 10)
        #expect(try rule.check(bounced).isEmpty)
        let churn = try #require(try Rule.affinityChurn.check(bounced).first)
        #expect(churn.summary.hasSuffix("between nodes 0 and 1"))
        #expect(try rule.check(drifting(changes: 9)).count == 1)
    }

    @Test func bindsToTheNodeOfTheMemoryElseOfTheTime() throws {
        var seen = drifting()
        #expect(try rule.check(seen).first?.fix.commands == ["taskset -apc 0-3 701"])
        seen.job.processes[0].memory = Placed.memory([0: 19 * mebibyte, 1: 31 * mebibyte])
        #expect(try rule.check(seen).first?.fix.commands == ["taskset -apc 4-7 701"])
        seen.job.processes[0].memory = Placed.memory([0: 21 * mebibyte, 1: 29 * mebibyte])
        #expect(try rule.check(seen).first?.fix.commands == ["taskset -apc 0-3 701"])
    }

    @Test func muchMemoryIsBroughtAlong() throws {
        var seen = drifting()
        seen.job.processes[0].memory = Placed.memory([0: 400 * mebibyte, 1: 200 * mebibyte])
        #expect(
            try rule.check(seen).first?.fix.commands == [
                "taskset -apc 0-3 701", "migratepages 701 1 0",
            ])
    }

    @Test func ranksThatDoNotFitTogetherGetANodeEach() throws {
        let ranks: [Int32] = [701, 709]
        let threads = ranks.flatMap { pid in
            (0..<3).map { index -> ThreadActivity in
                var thread = Placed.thread(
                    pid + Int32(index), pid: pid, on: [0: .ms(6_000), 1: .ms(3_000)])
                thread.nodeMigrations = 7
                return thread
            }
        }
        var seen = Placed.observation(threads, roles: [701: .launch, 709: .launch])
        seen.job.processes.append(ProcessFacts(pid: 709, name: "python"))
        #expect(
            try rule.check(seen).first?.fix.commands == [
                "taskset -apc 0-3 701", "taskset -apc 4-7 709",
            ])
    }
}

@Suite struct CPUSetSpansNodesTests {
    private let rule = Rule.cpusetSpansNodes

    private func observation(
        _ allowed: [Int], moves: UInt64 = 3, groups: [CgroupActivity] = []
    ) -> Observation {
        Placed.observation(
            [Placed.drifter(moves: moves)], allowed: CPUList(allowed), groups: groups)
    }

    @Test func aSetOfOneNodeOrTheWholeHostIsSilent() throws {
        #expect(try rule.check(observation([0, 1, 2, 3])).isEmpty)
        #expect(try rule.check(observation(Array(0..<8))).isEmpty)
        #expect(try rule.check(observation([2, 3, 4, 5])).count == 1)
    }

    @Test func isAWarningOnlyWhereThreadsWander() throws {
        #expect(try rule.check(observation([2, 3, 4, 5], moves: 1)).first?.severity == .info)
        let measured = observation([2, 3, 4, 5], moves: 2)
        #expect(try rule.check(measured).first?.severity == .warning)
        // The set is the reason: it is named, and the drift is not named again.
        #expect(try Rule.numaThreadDrift.check(measured).isEmpty)
        #expect(diagnose(catalogue, measured).findings.first?.rule == "cpuset-spans-nodes")
    }

    @Test func isAWarningWhereMemoryIsRemote() throws {
        let memory = Placed.memory([1: 512 * mebibyte])
        let seen = Placed.observation(
            [Placed.thread(on: [0: .ms(7_001)])], memory: memory, allowed: CPUList(2..<6))
        #expect(try rule.check(seen).first?.severity == .warning)
        #expect(
            diagnose(catalogue, seen).findings.prefix(2).map(\.rule) == [
                "cpuset-spans-nodes", "numa-remote-memory",
            ])
    }

    /// The rank runs on node 0; its loader for `home` there and for `away` on node 1.
    private func withLoader(away: UInt64, home: UInt64, groups: [CgroupActivity]) -> Observation {
        var seen = Placed.observation(
            [
                Placed.thread(on: [0: .ms(2_000)]),
                Placed.thread(733, pid: 733, on: [0: home, 1: away]),
            ], allowed: CPUList(2..<6), groups: groups, roles: [701: .launch, 733: .loader])
        var loader = ProcessFacts(pid: 733, parent: 701, name: "python")
        loader.allowed = CPUList(2..<6)
        seen.job.processes.append(loader)
        return seen
    }

    @Test func isAWarningWhereRankAndLoadersAreSpread() throws {
        func severity(_ away: UInt64, _ home: UInt64) throws -> Severity? {
            try rule.check(withLoader(away: away, home: home, groups: [])).first?.severity
        }
        #expect(try severity(.ms(1_000), .ms(2_000)) == .warning)
        #expect(try severity(.ms(1_000) - 1, .ms(2_000)) == .info)
        let apart = withLoader(away: .ms(1_000), home: 0, groups: [])
        #expect(
            try rule.check(apart).first?.fix.commands == [
                "taskset -apc 2-3 701", "taskset -apc 2-3 733",
            ])
        let caged = withLoader(away: .ms(1_000), home: 0, groups: [Placed.group("2-5")])
        #expect(
            try rule.check(caged).first?.fix.commands == [
                "echo 2-3 > /sys/fs/cgroup/job/cpuset.cpus"
            ])
    }

    @Test func writesTheGroupThatHandsTheSetOut() throws {
        let seen = observation([2, 3, 4, 5], groups: [Placed.group("2-5")])
        let fix = try #require(try rule.check(seen).first?.fix)
        #expect(fix.commands == ["echo 2-3 > /sys/fs/cgroup/job/cpuset.cpus"])
        #expect(fix.rollback == ["echo 2-5 > /sys/fs/cgroup/job/cpuset.cpus"])
    }

    @Test func bindsWhereTheMaskIsTheProcesssOwn() throws {
        let wider = observation([2, 3, 4, 5], groups: [Placed.group("1-6")])
        let fix = try #require(try rule.check(wider).first?.fix)
        #expect(fix.commands == ["taskset -apc 2-3 701"])
        #expect(fix.rollback == ["taskset -apc 2-5 701"])
        // systemd would write its own value again.
        let unit = observation([2, 3, 4, 5], groups: [Placed.group("2-5", path: "/a.service")])
        #expect(try rule.check(unit).first?.fix.commands == ["taskset -apc 2-3 701"])
    }

    @Test func aRankThatNeedsBothNodesKeepsThem() throws {
        let threads = (0..<3).map { Placed.thread(701 + $0, on: [0: .ms(4_001), 1: .ms(4_001)]) }
        let seen = Placed.observation(threads, allowed: CPUList(2..<6))
        #expect(try rule.check(seen).isEmpty)
        let fewer = Placed.observation(Array(threads.prefix(2)), allowed: CPUList(2..<6))
        #expect(try rule.check(fewer).count == 1)
    }
}
