import Host
import Rules
import Signals
import Testing
import Training

@Suite struct RemoteMemoryTests {
    private let rule = Rule.numaRemoteMemory

    /// The launch thread runs on node 0 for seven of ten seconds.
    private func observation(
        _ memory: [Int: UInt64], policy: String? = "default", on time: [Int: UInt64]? = nil,
        allowed: CPUList? = nil
    ) -> Observation {
        Placed.observation(
            [Placed.thread(on: time ?? [0: .ms(7_001)])],
            memory: Placed.memory(memory, policy: policy), allowed: allowed)
    }

    @Test func firesFromAQuarterOfTheMemory() throws {
        let all = 1_024 * mebibyte
        #expect(try rule.check(observation([0: all * 3 / 4 + 4_096, 1: all / 4 - 4_096])).isEmpty)
        let finding = try #require(
            try rule.check(observation([0: all * 3 / 4, 1: all / 4])).first)
        #expect(finding.severity == .warning)
        #expect(finding.confidence == .associated)
        #expect(finding.claims.isEmpty)
        #expect(finding.affected.map(\.tid) == [701])
    }

    @Test func firesFromThirtyTwoMebibytes() throws {
        #expect(try rule.check(observation([1: 32 * mebibyte - 4_096])).isEmpty)
        #expect(try rule.check(observation([1: 32 * mebibyte])).count == 1)
    }

    @Test func threadsThatHardlyRunLoseNothing() throws {
        let memory = [1: 512 * mebibyte]
        #expect(try rule.check(observation(memory, on: [0: .ms(999)])).isEmpty)
        #expect(try rule.check(observation(memory, on: [0: .ms(1_000)])).count == 1)
    }

    @Test func aNodeWithAFifthOfTheTimeIsHome() throws {
        let memory = [1: 512 * mebibyte]
        #expect(try rule.check(observation(memory, on: [0: .ms(4_000), 1: .ms(1_000)])).isEmpty)
        let strays = observation(memory, on: [0: .ms(4_001), 1: .ms(1_000)])
        #expect(try rule.check(strays).count == 1)
    }

    @Test func namesBothNodesAndWhy() throws {
        let bound = try rule.check(observation([1: 512 * mebibyte], policy: "bind:1")).first
        #expect(
            bound?.summary == """
                100.0 % of the memory of process 701 (python) lies on node 1, and its threads run \
                on node 0: the policy bind:1 puts it there
                """)
        let touched = try rule.check(observation([1: 512 * mebibyte])).first
        #expect(touched?.summary.contains("it was first touched there") == true)
        var caged = observation([1: 512 * mebibyte])
        caged.job.processes[0].allowedNodes = [1]
        #expect(
            try rule.check(caged).first?.summary.contains(
                "its control group gives it memory of node 1 only") == true)
    }

    @Test func memoryThatAPolicyHoldsGetsTheThreads() throws {
        let bound = observation([1: 512 * mebibyte], policy: "bind:1", allowed: CPUList(0..<4))
        let fix = try #require(try rule.check(bound).first?.fix)
        #expect(fix.commands == ["taskset -apc 4-7 701"])
        #expect(fix.rollback == ["taskset -apc 0-3 701"])
        #expect(fix.persist == ["numactl --cpunodebind=1 --preferred=1 COMMAND"])
    }

    @Test func aPolicyThatAllowsHomeHoldsNothing() throws {
        let wide = observation([1: 512 * mebibyte], policy: "bind:0-1", allowed: CPUList(0..<4))
        #expect(try rule.check(wide).first?.fix.commands == ["migratepages 701 1 0"])
    }

    @Test func memoryThatStrayedComesToTheThreads() throws {
        let bound = observation([1: 512 * mebibyte], allowed: CPUList(0..<4))
        let fix = try #require(try rule.check(bound).first?.fix)
        #expect(fix.commands == ["migratepages 701 1 0"])
        #expect(fix.rollback == ["migratepages 701 0 1"])
        // A thread that may run anywhere would leave again.
        let loose = observation([1: 512 * mebibyte], allowed: CPUList(0..<8))
        #expect(
            try rule.check(loose).first?.fix.commands == [
                "taskset -apc 0-3 701", "migratepages 701 1 0",
            ])
    }

    @Test func threadsMoveWhereTheirNodeHasNoRoom() throws {
        func commands(free: UInt64) throws -> [String]? {
            var full = observation([1: 512 * mebibyte], allowed: CPUList(0..<4))
            var node = NodeMemoryActivity(id: 0)
            (node.total, node.free) = (1_024 * mebibyte, free)
            full.whole.change[NodeMemory.self] = .success(NodeMemory(nodes: [node]))
            return try rule.check(full).first?.fix.commands
        }
        #expect(try commands(free: 512 * mebibyte) == ["taskset -apc 4-7 701"])
        #expect(try commands(free: 512 * mebibyte + 1) == ["migratepages 701 1 0"])
    }

    @Test func cpusThatAnotherRankUsesAreNotOffered() throws {
        var shared = observation([1: 512 * mebibyte], policy: "bind:1", allowed: CPUList(0..<4))
        shared.job.processes.append(ProcessFacts(pid: 709, name: "python"))
        shared.job.roles[709] = .launch
        let other = Placed.thread(709, pid: 709, cpu: 6, on: [1: .ms(7_001)])
        shared.whole.change[Threads.self] = .success(
            Threads(threads: [Placed.thread(on: [0: .ms(7_001)]), other]))
        #expect(try rule.check(shared).first?.fix.commands == ["taskset -apc 4-5,7 701"])
    }

    @Test func aControlGroupThatForbidsBothNeedsANewStart() throws {
        var caged = observation([1: 512 * mebibyte], allowed: CPUList(0..<4))
        caged.job.processes[0].allowedNodes = [1]
        caged.whole.change[Cgroups.self] = .success(Cgroups(groups: [Placed.group("0-3")]))
        let fix = try #require(try rule.check(caged).first?.fix)
        #expect(fix.commands.count == 1 && fix.commands[0].hasPrefix("# start process 701 again"))
    }

    @Test func interleavingIsOnPurpose() throws {
        let spread = observation([0: 128 * mebibyte, 1: 384 * mebibyte], policy: "interleave:0-1")
        let finding = try #require(try rule.check(spread).first)
        #expect(finding.severity == .info)
        #expect(finding.summary.contains("on purpose"))
    }

    @Test func isSilentOnOneNodeAndWithoutRanks() throws {
        var small = observation([1: 512 * mebibyte])
        small.facts = Scheduling.twoCPUs()
        #expect(try rule.check(small).isEmpty)
        var host = observation([1: 512 * mebibyte])
        (host.job.scope, host.job.roles) = (.host, [:])
        #expect(try rule.check(host).isEmpty)
    }

    @Test func isUncheckedWhereNodesOfThreadsAreNotTold() throws {
        let blind = Placed.observation(
            [Scheduling.thread(701, [.running: .ms(7_001)])],
            memory: Placed.memory([1: 512 * mebibyte]))
        #expect(throws: Unavailable.self) { try rule.check(blind) }
    }

    @Test func outranksSmallLossesAndYieldsToGreatOnes() throws {
        func first(behind: UInt64) throws -> String? {
            var seen = observation([1: 512 * mebibyte], on: [0: .ms(5_000)])
            var thread = Placed.thread(on: [0: .ms(5_000)])
            thread.time[.sleeping] -= behind
            thread.time[.waiting] = behind
            seen.whole.change[Threads.self] = .success(
                Threads(
                    threads: [thread],
                    waits: [Scheduling.wait(701, behind: 4321, "rsync", behind)]))
            return diagnose(catalogue, seen).findings.first?.rule
        }
        // Half of the time on memory that is all remote: 0.15.
        #expect(try first(behind: .ms(1_301)) == "numa-remote-memory")
        #expect(try first(behind: .ms(1_901)) == "noisy-neighbour")
    }

    @Test func aWellPlacedJobGetsNoWarning() throws {
        let good = observation([0: 505 * mebibyte, 1: 7 * mebibyte], allowed: CPUList(0..<4))
        #expect(diagnose(catalogue, good).findings.allSatisfy { $0.severity < .warning })
        for rule in placementRules {
            guard case .success(let found) = rule.findings(in: good) else { continue }
            #expect(found.isEmpty, "\(rule.id)")
        }
    }
}
