import Host
import Rules
import Signals
import Testing
import Training

@Suite struct AddressSpaceRulesTests {
    /// Process 4711 unmaps all the time; 4713 computes.
    private func storm(
        flushes: UInt64, handler: UInt64 = 0, system: Double = 30, cpu: Int = 1,
        faults: UInt64 = 70_001
    ) -> Observation {
        func stormer(_ tid: Int32, _ lock: Double) -> ThreadActivity {
            trainer(tid, [.irq: percent(2), .blocked: percent(lock)]) {
                $0.cpu = cpu
                $0.mmapLock = percent(lock)
                $0.systemTime = UInt64(Double($0.time[.running]) * system / 100)
                $0.minorFaults = faults
            }
        }
        let calm = trainer(79, pid: 4713, [.irq: percent(2)]) { $0.cpu = cpu }
        let behind = Culprit(kind: .process, id: 4711, name: "python")
        return observe(
            [stormer(71, 8), stormer(73, 0), calm],
            waits: [Wait(tid: 79, culprit: behind, nanoseconds: percent(3))]
        ) {
            $0[Interrupts.self] = .success(
                Interrupts(lines: [
                    InterruptLine(
                        label: "TLB", name: "TLB shootdowns", counts: [0, flushes]),
                    InterruptLine(
                        label: "CAL", name: "Function call interrupts", nanoseconds: [0, handler],
                        watchedNanoseconds: [0, 3_000]),
                    InterruptLine(label: "LOC", name: "timer", watchedNanoseconds: [0, 1_000]),
                ]))
        }
    }

    @Test func shootdownsCountFromAThousandASecond() throws {
        let rule = Rule.tlbShootdownStorm
        #expect(try rule.check(storm(flushes: 15_000)).first?.severity == .warning)
        #expect(try rule.check(storm(flushes: 14_999)).isEmpty)
        #expect(try rule.check(storm(flushes: 150_007, cpu: 0)).isEmpty)
    }

    @Test func handlerTimeCountsFromOnePercent() throws {
        let rule = Rule.tlbShootdownStorm
        #expect(try rule.check(storm(flushes: 1_500, handler: percent(1))).count == 1)
        #expect(try rule.check(storm(flushes: 1_500, handler: percent(1) - 1)).isEmpty)
        #expect(try rule.check(storm(flushes: 1_499, handler: percent(7))).isEmpty)
    }

    @Test func claimsInterruptsTheLockAndTheWaitBehindTheProcess() throws {
        let observation = storm(flushes: 30_011)
        let finding = try #require(try Rule.tlbShootdownStorm.check(observation).first)
        #expect(finding.culprit?.kind == .process)
        #expect(finding.culprit?.id == "4711")
        // Three quarters of the interrupt time was flushes.
        #expect(claimed(finding, .state(.irq)) == 3 * percent(1.5))
        #expect(claimed(finding, .mmapLock) == percent(8))
        let behind = Culprit(kind: .process, id: 4711, name: "python")
        #expect(claimed(finding, .waiting(behind)) == percent(3))
        #expect(finding.fix.commands.first?.contains("MALLOC_TRIM_THRESHOLD_=-1") == true)
        #expect(try Rule.mmapLockContention.check(observation).isEmpty)
    }

    @Test func aProcessThatComputesIsNotTheCulprit() throws {
        let observation = storm(flushes: 30_011, system: 29)
        let finding = try #require(try Rule.tlbShootdownStorm.check(observation).first)
        #expect(finding.culprit == nil)
        #expect(claimed(finding, .mmapLock) == 0)
        #expect(try Rule.mmapLockContention.check(observation).count == 1)
    }

    @Test func freshMemoryFromFiftyThousandFaultsInASecondOfRunningIsAStorm() throws {
        func culprit(_ faults: UInt64) throws -> FindingCulprit? {
            let observation = storm(flushes: 30_011, system: 0, faults: faults)
            return try Rule.tlbShootdownStorm.check(observation).first?.culprit
        }
        // The launch thread runs for 13.5 seconds, its neighbour for longer.
        #expect(try culprit(675_000)?.id == "4711")
        #expect(try culprit(674_999) == nil)
    }

    /// A storm that takes no time in handlers: a launch thread beside a storming one.
    private func quietStorm(
        flushes: UInt64, launchCPU: Int = 1, neighbourRuns: Bool = true
    ) -> Observation {
        let launch = trainer(71, pid: 4711) { $0.cpu = launchCPU }
        let stormer = trainer(73, pid: 4711, asleep: !neighbourRuns) {
            $0.cpu = 1
            $0.systemTime = $0.time[.running]
            $0.minorFaults = 15_000
        }
        let calm = trainer(79, pid: 4713) { $0.cpu = 1 }
        return observe([launch, stormer, calm]) {
            $0[Interrupts.self] = .success(
                Interrupts(lines: [
                    InterruptLine(label: "TLB", name: "TLB shootdowns", counts: [0, flushes])
                ]))
        }
    }

    @Test func flushesOnALaunchCPUWarnWhereTheStormerIsKnown() throws {
        let rule = Rule.tlbShootdownStorm
        let known = try #require(try rule.check(quietStorm(flushes: 15_000)).first)
        #expect(known.severity == .warning)
        #expect(known.culprit?.id == "4711")
        #expect(try rule.check(quietStorm(flushes: 14_999)).isEmpty)
        let elsewhere = try rule.check(quietStorm(flushes: 15_000, launchCPU: 0)).first
        #expect(elsewhere?.severity == .info)
        // A process of one running thread has nobody to interrupt.
        let alone = try rule.check(quietStorm(flushes: 15_000, neighbourRuns: false)).first
        #expect(alone?.severity == .info && alone?.culprit == nil)
    }

    @Test func smallLossesAreInformation() throws {
        let quiet = observe([trainer(71)]) {
            $0[Interrupts.self] = .success(
                Interrupts(lines: [InterruptLine(label: "TLB", name: "TLB", counts: [15_000])]))
        }
        #expect(try Rule.tlbShootdownStorm.check(quiet).first?.severity == .info)
    }

    @Test func theLockCountsSoonerForLaunchThreads() throws {
        func findings(launch: UInt64, other: UInt64) throws -> [Finding] {
            try Rule.mmapLockContention.check(
                observe([
                    trainer(71, [.blocked: launch]) { $0.mmapLock = launch },
                    trainer(73, [.blocked: other]) { $0.mmapLock = other },
                ]))
        }
        #expect(try findings(launch: percent(1), other: 0).count == 1)
        #expect(try findings(launch: percent(1) - 1, other: 0).isEmpty)
        #expect(try findings(launch: 0, other: percent(5)).first?.culprit?.id == "4711")
        #expect(try findings(launch: 0, other: percent(5) - 1).isEmpty)
        let both = try findings(launch: percent(7), other: percent(3)).first
        #expect(claimed(both, .mmapLock) == percent(10))
    }
}
