import Host
import Rules
import Signals
import Testing
import Training

@Suite struct OversubscriptionTests {
    private static let rules: [Rule] = [
        .ompOversubscription, .loaderWorkersTooMany, .cpusetTooSmall, .ranksShareCPUs,
    ]

    private func findings(_ observation: Observation) throws -> [Finding] {
        try Self.rules.flatMap { rule in try rule.check(observation) }
    }

    /// A launch thread that waits behind its loader or `culprit`; the loader runs for `loader`. Two
    /// CPUs are full from 15 s of demand on.
    private func waiting(
        _ nanoseconds: UInt64, loader: UInt64, behind culprit: Int32 = 707
    ) -> Observation {
        Scheduling.observation(
            Scheduling.twoCPUs(), job: Scheduling.job(707, roles: [701: .launch, 707: .loader]),
            threads: [
                Scheduling.thread(701, [.running: .ms(7_001), .waiting: nanoseconds]),
                Scheduling.thread(707, pid: 707, [.running: loader]),
            ],
            waits: [Scheduling.wait(701, behind: culprit, "python", nanoseconds)])
    }

    @Test func firesFromFivePercentOfALaunchThreadWhereCPUsAreFull() throws {
        #expect(try findings(waiting(.ms(499), loader: .ms(7_500))).isEmpty)
        let full = waiting(.ms(500), loader: .ms(7_499))
        let finding = try #require(try findings(full).first)
        #expect(finding.rule == "loader-workers-too-many")
        #expect(finding.fix.commands == ["DataLoader(..., num_workers=1)"])
        #expect(finding.culprit?.id == "707")
    }

    @Test func withCPUsToSpareALaunchThreadMustLoseTwiceAsMuch() throws {
        #expect(try findings(waiting(.ms(500), loader: .ms(7_499) - 1)).isEmpty)
        #expect(try findings(waiting(.ms(999), loader: .ms(31))).isEmpty)
        #expect(try findings(waiting(.ms(1_000), loader: .ms(31))).count == 1)
    }

    /// A pool of five threads in one process; each runs 4 s and waits for `waited`.
    private func pool(waited: UInt64, facts: HostFacts = Scheduling.twoCPUs()) -> Observation {
        let tids: [Int32] = [701, 702, 703, 705, 709]
        return Scheduling.observation(
            facts, job: Scheduling.job(roles: [:]),
            threads: tids.map {
                Scheduling.thread($0, [.running: .ms(4001), .waiting: waited])
            }, waits: tids.map { Scheduling.wait($0, behind: 701, "python", waited) })
    }

    @Test func aPoolCountsFromAQuarterOfItsRunnableTime() throws {
        #expect(try findings(pool(waited: .ms(1333))).isEmpty)
        let found = try findings(pool(waited: .ms(1337)))
        #expect(found.map(\.rule) == ["omp-oversubscription"])
        #expect(
            found.first?.fix.commands
                == ["export OMP_NUM_THREADS=2", "export MKL_NUM_THREADS=2"])
        #expect(found.first?.summary.contains("OMP_NUM_THREADS is not set") == true)
    }

    @Test func aPoolThatFitsItsCPUsIsSilent() throws {
        #expect(try findings(pool(waited: .ms(1337), facts: Scheduling.eightCPUs())).isEmpty)
    }

    @Test func ranksThatShareTooFewCPUsNeedMoreOfThem() throws {
        var observation = Scheduling.observation(
            job: Scheduling.job(707, roles: [701: .launch, 707: .launch]),
            threads: [
                Scheduling.thread(701, [.running: .ms(5003), .waiting: .ms(4001)]),
                Scheduling.thread(707, pid: 707, [.running: .ms(4001), .waiting: .ms(4001)]),
            ],
            waits: [
                Scheduling.wait(701, behind: 707, "python", .ms(4001)),
                Scheduling.wait(707, behind: 701, "python", .ms(4001)),
            ])
        for index in 0..<2 { observation.job.processes[index].allowed = CPUList([3]) }
        let found = try findings(observation)
        #expect(found.map(\.rule) == ["cpuset-too-small"])
        #expect(found.first?.severity == .critical)
        let fix = try #require(found.first?.fix)
        #expect(fix.commands == ["taskset -apc 0-5 701", "taskset -apc 0-5 707"])
        #expect(fix.rollback == ["taskset -apc 3 701", "taskset -apc 3 707"])
        // A control group cannot be left by widening a mask.
        var group = CgroupActivity(folder: "/sys/fs/cgroup/job", path: "/job", version: 2)
        group.pids = [701, 707]
        group.cpus = CPUSet(effective: "3")
        observation.whole.change[Cgroups.self] = .success(Cgroups(groups: [group]))
        let held = try findings(observation)
        #expect(held.first?.fix.commands.last == "docker run --cpuset-cpus=0-5 …")
    }

    /// Ranks 701 and 707 take turns; 709 has nothing to do with them.
    private func twoOfThree(_ facts: HostFacts = Scheduling.eightCPUs()) -> Observation {
        Scheduling.observation(
            facts,
            job: Scheduling.job(707, 709, roles: [701: .launch, 707: .launch, 709: .launch]),
            threads: [
                Scheduling.thread(701, [.running: .ms(3_003), .waiting: .ms(2_503)]),
                Scheduling.thread(707, pid: 707, [.running: .ms(2_503), .waiting: .ms(2_001)]),
                Scheduling.thread(709, pid: 709, [.running: .ms(9_001)]),
            ],
            waits: [
                Scheduling.wait(701, behind: 707, "python", .ms(2_503)),
                Scheduling.wait(707, behind: 701, "python", .ms(2_001)),
            ])
    }

    /// What the job as a whole may use says nothing about two ranks that are bound to one CPU.
    @Test func ranksBoundToOneCPUAreCrowdedWhereverTheOthersAre() throws {
        var observation = twoOfThree()
        for index in 0..<2 { observation.job.processes[index].allowed = CPUList([3]) }
        observation.job.processes[2].allowed = CPUList(0..<8)
        let found = try findings(observation)
        #expect(found.map(\.rule) == ["cpuset-too-small"])
        #expect(found.first?.summary.contains("wanted 1.0 CPUs and may use 1 (3)") == true)
        #expect(found.first?.fix.commands == ["taskset -apc 0-5 701", "taskset -apc 0-5 707"])
        // Bound to two CPUs, each to its own: whoever made the masks gets them back.
        observation.job.processes[1].allowed = CPUList([3, 4])
        #expect(
            try findings(observation).first?.fix.rollback
                == ["taskset -apc 3 701", "taskset -apc 3-4 707"])
    }

    @Test func ranksThatMeetOnCPUsAreKeptApart() throws {
        let found = try findings(twoOfThree())
        #expect(found.map(\.rule) == ["ranks-share-cpus"])
        #expect(
            found.first?.fix.commands
                == ["taskset -apc 0-1 701", "taskset -apc 2-3 707", "taskset -apc 4-5 709"])
        #expect(found.first?.fix.rollback.first == "taskset -apc 0-7 701")
    }

    @Test func moreRanksThanCPUsNeedAnotherHost() throws {
        let found = try findings(twoOfThree(Scheduling.twoCPUs()))
        #expect(found.map(\.rule) == ["ranks-share-cpus"])
        #expect(found.first?.fix.commands == ["torchrun --nproc-per-node=2 …"])
        #expect(found.first?.summary.contains("num_workers") == false)
    }

    @Test func yieldsAndStrangersDoNotCount() throws {
        var observation = waiting(.ms(2_001), loader: .ms(7_499), behind: 9_999)
        #expect(try findings(observation).isEmpty)
        observation.whole.change[Threads.self] = .success(
            Threads(
                threads: [Scheduling.thread(701, [.waiting: .ms(4001)])],
                waits: [Scheduling.wait(701, behind: 0, "", .ms(4001), kind: .yield)]))
        #expect(try findings(observation).isEmpty)
    }

    @Test func isUncheckedWithoutProbes() {
        var observation = waiting(.ms(2_001), loader: .ms(7_499))
        observation.whole.change[Threads.self] = .failure(Unavailable("no probes"))
        for rule in Self.rules {
            #expect(throws: Unavailable.self) { try rule.check(observation) }
        }
    }
}
