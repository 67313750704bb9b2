import Host
import Rules
import Signals
import Testing
import Training

@Suite struct IRQOnTrainingCoresTests {
    private func disk(_ nanoseconds: UInt64, label: String = "41", irq: Int? = 41) -> InterruptLine
    {
        InterruptLine(
            label: label, irq: irq, name: "virtio1-req.0",
            nanoseconds: Scheduling.at(5, nanoseconds),
            watchedNanoseconds: Scheduling.at(5, 7))
    }

    private func observation(
        _ line: InterruptLine, stolen: UInt64 = 0, managed: Bool? = false, running: [String] = []
    ) -> Observation {
        var facts = Scheduling.eightCPUs()
        var irq = InterruptFacts(irq: 41, name: "virtio1-req.0")
        irq.affinity = CPUList(4..<8)
        irq.node = 1
        irq.isManaged = managed
        facts.interrupts = [irq]
        facts.managers.running = running
        return Scheduling.observation(
            facts, threads: [Scheduling.thread(701, cpu: 5, [.running: .ms(2003), .irq: stolen])],
            lines: [line, Scheduling.quietLine])
    }

    @Test func firesFromThreePercentOfALaunchCPU() throws {
        // The quiet timer line adds 7 ns to each CPU.
        #expect(try Rule.irqOnTrainingCores.check(observation(disk(.ms(300) - 8))).isEmpty)
        let finding = try #require(
            try Rule.irqOnTrainingCores.check(observation(disk(.ms(300) - 7))).first)
        #expect(finding.culprit == FindingCulprit(kind: .irq, id: "41", name: "virtio1-req.0"))
        #expect(finding.affected.map(\.tid) == [701])
    }

    @Test func firesFromOnePercentOfALaunchThread() throws {
        let line = disk(.ms(99))
        #expect(try Rule.irqOnTrainingCores.check(observation(line, stolen: .ms(99))).isEmpty)
        let finding = try #require(
            try Rule.irqOnTrainingCores.check(observation(line, stolen: .ms(100))).first)
        #expect(finding.claims == [Claim(tid: 701, loss: .state(.irq), nanoseconds: .ms(100))])
    }

    @Test func callsBetweenCPUsAndTheTickDoNotCountBelowThreePercent() throws {
        let calls = disk(.ms(901), label: "TLB", irq: nil)
        #expect(try Rule.irqOnTrainingCores.check(observation(calls, stolen: .ms(301))).isEmpty)
        let tick = disk(.ms(201), label: "LOC", irq: nil)
        #expect(try Rule.irqOnTrainingCores.check(observation(tick, stolen: .ms(201))).isEmpty)
        let storm = disk(.ms(301), label: "LOC", irq: nil)
        #expect(try Rule.irqOnTrainingCores.check(observation(storm)).first?.culprit?.id == "LOC")
    }

    @Test func theTickAloneWarnsOnlyFromFivePercentOfTheThread() throws {
        let storm = disk(.ms(901), label: "LOC", irq: nil)
        // Of 10 s in which it was seen.
        for (stolen, severity) in [(UInt64.ms(499), Severity.info), (.ms(501), .warning)] {
            let found = try Rule.irqOnTrainingCores.check(observation(storm, stolen: stolen))
            #expect(found.first?.severity == severity)
        }
        // A device of the same weight is another matter.
        let device = observation(disk(.ms(901)), stolen: .ms(499))
        #expect(try Rule.irqOnTrainingCores.check(device).first?.severity == .warning)
    }

    @Test func sendsTheInterruptToHousekeepingOnItsNode() throws {
        let fix = try #require(
            try Rule.irqOnTrainingCores.check(observation(disk(.ms(501)))).first?.fix)
        #expect(fix.commands == ["echo 4 > /proc/irq/41/smp_affinity_list"])
        #expect(fix.rollback.first == "echo 4-7 > /proc/irq/41/smp_affinity_list")
    }

    @Test func bansTrainingCPUsWhereIrqbalanceRuns() throws {
        let busy = observation(disk(.ms(501)), running: ["irqbalance"])
        let fix = try #require(try Rule.irqOnTrainingCores.check(busy).first?.fix)
        #expect(fix.managedBy == "irqbalance")
        #expect(
            fix.persist
                == ["echo IRQBALANCE_BANNED_CPULIST=2-3,5-7 >> /etc/default/irqbalance"])
    }

    @Test func movesTheThreadWhereTheKernelManagesTheInterrupt() throws {
        let managed = observation(disk(.ms(501)), managed: true)
        let fix = try #require(try Rule.irqOnTrainingCores.check(managed).first?.fix)
        #expect(fix.commands == ["taskset -pc 2-3,6-7 701"])
        #expect(fix.risk.contains("isolcpus=managed_irq"))
    }

    @Test func isUncheckedWithoutTimes() {
        let observation = observation(InterruptLine(label: "41", irq: 41, name: "virtio1-req.0"))
        var blind = observation
        blind.whole.change[Interrupts.self] = .success(Interrupts())
        #expect(throws: Unavailable.self) { try Rule.irqOnTrainingCores.check(blind) }
    }
}

@Suite struct SoftIRQOnTrainingCoresTests {
    private func soft(_ name: String, _ nanoseconds: UInt64, squeezed: UInt64 = 0) -> SoftIRQs {
        SoftIRQs(
            lines: [
                SoftIRQLine(name: name, counts: [], nanoseconds: Scheduling.at(5, nanoseconds)),
                SoftIRQLine(name: "RCU", counts: [], nanoseconds: Scheduling.at(5, 77)),
            ], squeezed: squeezed)
    }

    private func observation(
        _ soft: SoftIRQs, stolen: UInt64 = 0, waited: UInt64 = 0
    ) -> Observation {
        Scheduling.observation(
            threads: [
                Scheduling.thread(701, cpu: 5, [.softirq: stolen, .waiting: waited])
            ],
            waits: [Scheduling.wait(701, behind: 51, "ksoftirqd/5", waited, kind: .kthread)],
            soft: soft)
    }

    @Test func firesFromThreePercentOfALaunchCPU() throws {
        let rule = Rule.softirqOnTrainingCores
        #expect(try rule.check(observation(soft("NET_RX", .ms(299)))).isEmpty)
        let finding = try #require(try rule.check(observation(soft("NET_RX", .ms(300)))).first)
        #expect(finding.culprit == FindingCulprit(kind: .softirq, id: "NET_RX", name: "NET_RX"))
    }

    @Test func countsKsoftirqdAndStolenTimeTogether() throws {
        let rule = Rule.softirqOnTrainingCores
        let line = soft("NET_RX", .ms(101))
        #expect(try rule.check(observation(line, stolen: .ms(199), waited: .ms(99))).isEmpty)
        let at = observation(line, stolen: .ms(199), waited: .ms(101))
        #expect(try rule.check(at).first?.claims.map(\.nanoseconds) == [.ms(199), .ms(101)])
    }

    @Test func theHostsPulseIsSilentBelowThreePercent() throws {
        let rule = Rule.softirqOnTrainingCores
        #expect(try rule.check(observation(soft("TIMER", .ms(299)))).isEmpty)
        #expect(try rule.check(observation(soft("TIMER", .ms(300)))).count == 1)
    }

    @Test func movesLaunchThreadsAndRaisesASqueezedBudget() throws {
        let busy = observation(soft("NET_RX", .ms(501), squeezed: 100))
        let fix = try #require(try Rule.softirqOnTrainingCores.check(busy).first?.fix)
        #expect(
            fix.commands == [
                "grep -H '[1-9a-f]' /sys/class/net/*/queues/rx-*/rps_cpus",
                "taskset -pc 2-3,6-7 701", "sysctl -w net.core.netdev_budget=600",
                "sysctl -w net.core.netdev_budget_usecs=4000",
            ])
        #expect(fix.rollback.last == "sysctl -w net.core.netdev_budget_usecs=2000")
        let disk = observation(soft("BLOCK", .ms(501), squeezed: 100))
        let other = try #require(try Rule.softirqOnTrainingCores.check(disk).first?.fix)
        #expect(other.commands == ["taskset -pc 2-3,6-7 701"])
    }

    @Test func movesTheCardWhoseInterruptsBringThePackets() throws {
        var facts = Scheduling.eightCPUs()
        var card = DeviceFacts(kind: .network, address: "0000:81:00.0")
        card.interrupts = [43]
        card.node = 1
        facts.devices = [card]
        var irq = InterruptFacts(irq: 43, name: "virtio2-input.0")
        irq.affinity = CPUList([5])
        irq.device = card.address
        facts.interrupts = [irq]
        for (count, isMoved) in [(UInt64(1_000), true), (999, false)] {
            let line = InterruptLine(
                label: "43", irq: 43, name: irq.name, counts: Scheduling.at(5, count))
            let observation = Scheduling.observation(
                facts, threads: [Scheduling.thread(701, cpu: 5, [.softirq: .ms(501)])],
                lines: [line, Scheduling.quietLine], soft: soft("NET_RX", .ms(501)))
            let found = try Rule.softirqOnTrainingCores.check(observation)
            let fix = try #require(found.first?.fix)
            #expect((fix.commands.first == "echo 4 > /proc/irq/43/smp_affinity_list") == isMoved)
            #expect((fix.rollback.first == "echo 5 > /proc/irq/43/smp_affinity_list") == isMoved)
        }
    }

    @Test func isUncheckedWithoutTimes() {
        #expect(throws: Unavailable.self) {
            try Rule.softirqOnTrainingCores.check(observation(SoftIRQs()))
        }
    }
}

@Suite struct IRQBalanceStateTests {
    private func observation(_ first: UInt64, _ second: UInt64) -> Observation {
        Scheduling.observation(lines: [
            InterruptLine(label: "41", irq: 41, name: "eth0", counts: [first, second])
        ])
    }

    @Test func firesFromFourFifthsAtAThousandASecond() throws {
        let rule = Rule.irqbalanceState
        #expect(try rule.check(observation(8_000, 2_001)).isEmpty)
        #expect(try rule.check(observation(7_999, 1_999)).isEmpty)
        let finding = try #require(try rule.check(observation(8_001, 1_999)).first)
        #expect(finding.severity == .info)
        #expect(finding.fix.commands.last == "systemctl enable --now irqbalance")
    }

    @Test func bansTrainingCPUsBeforeItStartsTheDaemon() throws {
        let finding = try Rule.irqbalanceState.check(observation(90_001, 7)).first
        let fix = try #require(finding?.fix)
        #expect(
            fix.commands == [
                "echo IRQBALANCE_BANNED_CPULIST=2-3,6-7 >> /etc/default/irqbalance",
                "systemctl enable --now irqbalance",
            ])
        #expect(
            fix.rollback == [
                "systemctl disable --now irqbalance",
                "sed -i /^IRQBALANCE_BANNED_CPULIST=/d /etc/default/irqbalance",
            ])
    }

    @Test func isUncheckedWithoutCounts() {
        var blind = observation(90_001, 7)
        blind.whole.change[Interrupts.self] = .failure(Unavailable("no such file"))
        #expect(throws: Unavailable("no such file")) { try Rule.irqbalanceState.check(blind) }
    }

    @Test func isSilentWhereIrqbalanceRunsOrTheHostIsSmall() throws {
        var running = observation(99_999, 1)
        running.facts.managers.running = ["irqbalance"]
        #expect(try Rule.irqbalanceState.check(running).isEmpty)
        var small = observation(99_999, 1)
        small.facts = Scheduling.twoCPUs()
        #expect(try Rule.irqbalanceState.check(small).isEmpty)
    }
}
