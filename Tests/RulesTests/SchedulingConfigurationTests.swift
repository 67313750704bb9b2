import Host
import Rules
import Signals
import Testing
import Training

@Suite struct CPUIsolationTests {
    private func observation(_ lost: UInt64, facts: HostFacts) -> Observation {
        Scheduling.observation(
            facts, threads: [Scheduling.thread(701, [.waiting: lost])],
            waits: [Scheduling.wait(701, behind: 37, "kworker/5:1", lost, kind: .kthread)])
    }

    @Test func advisesBootParametersFromOnePercent() throws {
        let rule = Rule.isolcpusNohzFull
        let facts = Scheduling.eightCPUs()
        #expect(try rule.check(observation(.ms(99), facts: facts)).isEmpty)
        let finding = try #require(try rule.check(observation(.ms(100), facts: facts)).first)
        #expect(finding.severity == .info)
        #expect(finding.fix.needsReboot)
        #expect(
            finding.fix.persist.first?.hasSuffix(
                "isolcpus=managed_irq,domain,2-3,6-7 nohz_full=2-3,6-7 rcu_nocbs=2-3,6-7 "
                    + "irqaffinity=0-1,4-5") == true)
    }

    @Test func prefersAPartitionWhereTheKernelHasThem() throws {
        var facts = Scheduling.eightCPUs()
        facts.kernelVersion = KernelVersion(major: 6, minor: 1)
        facts.cgroups.unified = "/sys/fs/cgroup"
        facts.cgroups.unifiedControllers = ["cpuset"]
        let noisy = observation(.ms(101), facts: facts)
        #expect(try Rule.isolcpusNohzFull.check(noisy).isEmpty)
        let fix = try #require(try Rule.cpusetIsolatedPartition.check(noisy).first?.fix)
        #expect(
            fix.commands.suffix(2) == [
                "echo 2-3,6-7 > /sys/fs/cgroup/stoker-training/cpuset.cpus",
                "echo isolated > /sys/fs/cgroup/stoker-training/cpuset.cpus.partition",
            ])
    }

    @Test func countsInterruptsAndForeignWorkOfLaunchThreadsTogether() throws {
        let rule = Rule.isolcpusNohzFull
        func check(_ tid: Int32, stolen: UInt64, behind culprit: Int32 = 4321) throws -> [Finding] {
            try rule.check(
                Scheduling.observation(
                    threads: [Scheduling.thread(tid, [.waiting: .ms(31), .softirq: stolen])],
                    waits: [Scheduling.wait(tid, behind: culprit, "rsync", .ms(31))]))
        }
        #expect(try check(701, stolen: .ms(69) - 1).isEmpty)
        #expect(try check(701, stolen: .ms(69)).count == 1)
        // Loaders have work queued ahead of them; the job's own processes are no noise.
        #expect(try check(733, stolen: .ms(501)).isEmpty)
        #expect(try check(701, stolen: .ms(69), behind: 701).isEmpty)
    }

    @Test func aPartitionOrAWatchedHostGetsNone() throws {
        var partitioned = observation(.ms(901), facts: Scheduling.eightCPUs())
        var group = CgroupActivity(folder: "/sys/fs/cgroup/job", path: "/job", version: 2)
        group.cpus = CPUSet(effective: "2-3", partition: "isolated")
        partitioned.whole.change[Cgroups.self] = .success(Cgroups(groups: [group]))
        #expect(try Rule.isolcpusNohzFull.check(partitioned).isEmpty)
        var host = observation(.ms(901), facts: Scheduling.eightCPUs())
        host.job.scope = .host
        #expect(try Rule.isolcpusNohzFull.check(host).isEmpty)
    }

    @Test(arguments: [Rule.isolcpusNohzFull, .cpusetIsolatedPartition])
    func isUncheckedWithoutProbes(rule: Rule) {
        var sampled = observation(.ms(901), facts: Scheduling.eightCPUs())
        sampled.whole.change[Threads.self] = .success(Threads(method: .procfs))
        #expect(throws: Unavailable.self) { try rule.check(sampled) }
    }

    @Test func smallOrIsolatedHostsGetNone() throws {
        let small = observation(.ms(901), facts: Scheduling.twoCPUs())
        #expect(try Rule.isolcpusNohzFull.check(small).isEmpty)
        var facts = Scheduling.eightCPUs()
        facts.topology.isolated = CPUList([7])
        #expect(try Rule.isolcpusNohzFull.check(observation(.ms(901), facts: facts)).isEmpty)
    }
}

@Suite struct ClockSourceTests {
    @Test func onlySlowClocksAreNamed() throws {
        var observation = Scheduling.observation()
        for clock in ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"] {
            observation.facts.settings.clocksource = clock
            #expect(try Rule.clocksourceNotTSC.check(observation).isEmpty)
        }
        observation.facts.settings.clocksource = "hpet"
        let lost = try #require(try Rule.clocksourceNotTSC.check(observation).first)
        #expect(lost.fix.commands.allSatisfy { $0.hasPrefix("# ") } && lost.fix.needsReboot)
        observation.facts.settings.clocksourcesAvailable = ["tsc", "hpet"]
        let offered = try #require(try Rule.clocksourceNotTSC.check(observation).first)
        #expect(
            offered.fix.commands == [
                "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"
            ])
    }

    @Test func isUncheckedWhenItCannotBeRead() {
        var observation = Scheduling.observation()
        observation.facts.settings.clocksource = nil
        #expect(throws: Unavailable.self) { try Rule.clocksourceNotTSC.check(observation) }
    }
}

@Suite struct SchedulingRulesTests {
    @Test func aHealthyHostGetsNothing() throws {
        var launch = Scheduling.thread(
            701, [.running: .ms(2003), .irq: .ms(3), .softirq: .ms(5), .waiting: .ms(30)])
        launch.voluntarySwitches = 9_973
        launch.migrations = 41
        let observation = Scheduling.observation(
            threads: [launch, Scheduling.thread(703, [.running: .ms(7001), .waiting: .ms(31)])],
            waits: [
                Scheduling.wait(701, behind: 4321, "sshd", .ms(21)),
                Scheduling.wait(701, behind: 37, "kworker/u8:1", .ms(9), kind: .kthread),
                Scheduling.wait(703, behind: 701, "python", .ms(31)),
            ])
        for rule in schedulingRules { #expect(try rule.check(observation).isEmpty) }
    }

    @Test func everyRuleIsTaughtAndNamedOnce() {
        #expect(Set(schedulingRules.map(\.id)).count == schedulingRules.count)
        for rule in schedulingRules {
            #expect(!rule.explanation.sources.isEmpty && rule.explanation.what.count > 60)
        }
    }

    @Test func findingsStayBelowTheirCeiling() throws {
        let observation = Scheduling.observation(
            threads: [Scheduling.thread(701, [.running: .ms(1), .waiting: .ms(9001)])],
            waits: [
                Scheduling.wait(701, behind: 4321, "rsync", .ms(5001)),
                Scheduling.wait(701, behind: 37, "kworker/u8:1", .ms(4001), kind: .kthread),
            ])
        for rule in schedulingRules {
            for finding in try rule.check(observation) {
                #expect(finding.severity <= rule.ceiling && finding.rule == rule.id)
                #expect(finding.cause == rule.cause)
            }
        }
    }
}
