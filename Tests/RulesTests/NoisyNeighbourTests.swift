import Host
import Rules
import Signals
import Testing
import Training

@Suite struct NoisyNeighbourTests {
    private func waiting(_ nanoseconds: UInt64, facts: HostFacts = Scheduling.eightCPUs())
        -> Observation
    {
        Scheduling.observation(
            facts, threads: [Scheduling.thread(701, [.running: .ms(3001), .waiting: nanoseconds])],
            waits: [Scheduling.wait(701, behind: 4321, "rsync", nanoseconds)])
    }

    @Test func isWorthKnowingFromFiveMillisecondsASecondOnALaunchThread() throws {
        #expect(try Rule.noisyNeighbour.check(waiting(.ms(50) - 1)).isEmpty)
        let finding = try #require(try Rule.noisyNeighbour.check(waiting(.ms(50))).first)
        #expect(finding.severity == .info)
        #expect(finding.culprit == FindingCulprit(kind: .process, id: "4321", name: "rsync"))
        #expect(finding.claims.map(\.nanoseconds) == [.ms(50)])
        #expect(finding.affected == [Affected(pid: 701, tid: 701, role: .launch)])
    }

    @Test func warnsFromTwoPercentOfALaunchThread() throws {
        #expect(try Rule.noisyNeighbour.check(waiting(.ms(200) - 1)).first?.severity == .info)
        #expect(try Rule.noisyNeighbour.check(waiting(.ms(200))).first?.severity == .warning)
    }

    @Test func isCriticalFromOneFifthOfTheTime() throws {
        #expect(try Rule.noisyNeighbour.check(waiting(.ms(1999))).first?.severity == .warning)
        #expect(try Rule.noisyNeighbour.check(waiting(.ms(2000))).first?.severity == .critical)
    }

    @Test func otherThreadsCountFromFivePercent() throws {
        let share = { (nanoseconds: UInt64) in
            Scheduling.observation(
                threads: [Scheduling.thread(733, [.waiting: nanoseconds])],
                waits: [Scheduling.wait(733, behind: 4321, "rsync", nanoseconds)])
        }
        #expect(try Rule.noisyNeighbour.check(share(.ms(499))).isEmpty)
        #expect(try Rule.noisyNeighbour.check(share(.ms(500))).count == 1)
    }

    @Test func leavesOwnThreadsYieldsAndKernelThreadsAlone() throws {
        let observation = Scheduling.observation(
            job: Scheduling.job(707),
            threads: [Scheduling.thread(701, [.waiting: .ms(997)])],
            waits: [
                Scheduling.wait(701, behind: 701, "python", .ms(331)),
                Scheduling.wait(701, behind: 707, "python", .ms(331)),
                Scheduling.wait(701, behind: 0, "", .ms(331), kind: .yield),
                Scheduling.wait(701, behind: 33, "kworker/3:1", .ms(331), kind: .kthread),
            ])
        #expect(try Rule.noisyNeighbour.check(observation).isEmpty)
    }

    @Test func manyPidsOfOneNameAreOneCulprit() throws {
        let storm = (0..<7).map { Scheduling.wait(701, behind: 5001 + $0, "cc1plus", .ms(17)) }
        let observation = Scheduling.observation(
            threads: [Scheduling.thread(701, [.waiting: .ms(219)])],
            waits: storm + [Scheduling.wait(701, behind: 4321, "rsync", .ms(100))])
        let finding = try #require(try Rule.noisyNeighbour.check(observation).first)
        #expect(finding.culprit?.name == "cc1plus")
        #expect(finding.culprit?.id == "5001")
        #expect(finding.summary.contains("also rsync"))
    }

    @Test func movesTheCulpritToHousekeepingCPUs() throws {
        let fix = try #require(try Rule.noisyNeighbour.check(waiting(.ms(301))).first?.fix)
        #expect(fix.commands == ["taskset -apc 0-1,4-5 4321"])
        #expect(fix.rollback == ["taskset -apc 0-7 4321"])
    }

    @Test func theWayBackIsWhatTheCulpritHad() throws {
        var wait = Scheduling.wait(701, behind: 4321, "rsync", .ms(301))
        wait.culprit.allowed = CPUList([2, 3])
        wait.culprit.nice = -5
        for (facts, rollback) in [
            (Scheduling.eightCPUs(), "taskset -apc 2-3 4321"),
            (Scheduling.twoCPUs(), "renice -n -5 -p 4321"),
        ] {
            let observation = Scheduling.observation(
                facts, threads: [Scheduling.thread(701, [.waiting: .ms(301)])], waits: [wait])
            let fix = try #require(try Rule.noisyNeighbour.check(observation).first?.fix)
            #expect(fix.rollback == [rollback])
        }
    }

    @Test func keepsOffTheCPUsThatTrainingIsBoundTo() throws {
        var observation = waiting(.ms(301), facts: Scheduling.twoCPUs())
        observation.job.processes[0].allowed = CPUList([1])
        let fix = try #require(try Rule.noisyNeighbour.check(observation).first?.fix)
        #expect(fix.commands == ["taskset -apc 0 4321"])
    }

    @Test func saysMoveOrStopWhereNoCPUCanBeSpared() throws {
        let observation = waiting(.ms(301), facts: Scheduling.twoCPUs())
        let fix = try #require(try Rule.noisyNeighbour.check(observation).first?.fix)
        #expect(fix.commands == ["renice -n 19 -p 4321"])
        #expect(fix.risk.contains("stop it"))
    }

    @Test func fencesASliceThatDoesNotHoldTheJob() throws {
        var facts = Scheduling.eightCPUs()
        facts.managers.hasSystemd = true
        facts.cgroups.unifiedControllers = ["cpu", "cpuset"]
        var observation = Scheduling.observation(
            facts, threads: [Scheduling.thread(701, [.waiting: .ms(301)])],
            waits: [
                Scheduling.wait(
                    701, behind: 4321, "rsync", .ms(301), cgroup: "/system.slice/rsync.service")
            ])
        observation.job.processes[0].cgroups[""] = "/user.slice/job.scope"
        let fenced = try #require(try Rule.noisyNeighbour.check(observation).first?.fix)
        #expect(
            fenced.commands
                == ["systemctl set-property --runtime system.slice AllowedCPUs=0-1,4-5"])
        observation.job.processes[0].cgroups[""] = "/system.slice/docker-1.scope"
        let moved = try #require(try Rule.noisyNeighbour.check(observation).first?.fix)
        #expect(moved.commands == ["taskset -apc 0-1,4-5 4321"])
    }

    @Test func neverPutsANameIntoACommand() throws {
        let observation = Scheduling.observation(
            threads: [Scheduling.thread(701, [.waiting: .ms(301)])],
            waits: [Scheduling.wait(701, behind: 4321, "$(reboot)", .ms(301))])
        let fix = try #require(try Rule.noisyNeighbour.check(observation).first?.fix)
        #expect((fix.commands + fix.persist + fix.rollback).allSatisfy { !$0.contains("reboot") })
    }

    @Test func aSingleBurstIsNotALoss() throws {
        var observation = waiting(.ms(301))
        let wait = Scheduling.wait(701, behind: 4321, "rsync", .ms(101))
        let quiet = Scheduling.second([])
        observation.timeline = [quiet, quiet, quiet, Scheduling.second([wait]), quiet]
        #expect(try Rule.noisyNeighbour.check(observation).isEmpty)
        observation.timeline[0] = Scheduling.second([wait])
        #expect(try Rule.noisyNeighbour.check(observation).isEmpty)
        observation.timeline[1] = Scheduling.second([wait])
        #expect(try Rule.noisyNeighbour.check(observation).count == 1)
    }

    @Test func isUncheckedWithoutProbes() {
        var observation = waiting(.ms(301))
        observation.whole.change[Threads.self] = .success(Threads(method: .procfs))
        #expect(throws: Unavailable.self) { try Rule.noisyNeighbour.check(observation) }
    }
}

@Suite struct ContentionAmongProcessesTests {
    private func observation(waited: UInt64, idle: UInt64) -> Observation {
        var cpu = CPUActivity(id: 0)
        cpu.other = tenSeconds - idle
        cpu.idle = idle
        return Scheduling.observation(
            job: Job(
                scope: .host,
                processes: [
                    ProcessFacts(pid: 811, name: "solver"), ProcessFacts(pid: 823, name: "hog"),
                ]),
            threads: [
                Scheduling.thread(811, pid: 811, [.running: .ms(9001) - waited, .waiting: waited]),
                Scheduling.thread(823, pid: 823, [.running: .ms(999)]),
            ],
            waits: [Scheduling.wait(811, behind: 823, "hog", waited)], cpus: [cpu])
    }

    @Test func namesTheProcessThatOthersWaitBehind() throws {
        let finding = try #require(
            try Rule.noisyNeighbour.check(observation(waited: .ms(901), idle: .ms(1999))).first)
        #expect(finding.culprit?.id == "823")
        #expect(finding.affected.map(\.pid) == [811])
        #expect(finding.severity == .warning)
    }

    @Test func aModeratelyBusyHostIsSilent() throws {
        let idle = observation(waited: .ms(901), idle: .ms(2001))
        #expect(try Rule.noisyNeighbour.check(idle).isEmpty)
        let brief = observation(waited: .ms(899), idle: .ms(101))
        #expect(try Rule.noisyNeighbour.check(brief).isEmpty)
    }
}
