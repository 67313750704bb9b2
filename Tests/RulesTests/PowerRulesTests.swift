import Host
import Rules
import Signals
import Testing
import Training

@Suite struct PowerRulesTests {
    private func clocked(
        _ kilohertz: Int64, busy: UInt64 = 70, governor: String = "powersave", heat: UInt64 = 0
    ) -> Observation {
        observe([trainer(71) { $0.cpu = 3 }]) {
            var power = CPUPower(id: 3)
            (power.kilohertz, power.thermalThrottles) = (kilohertz, heat)
            $0[Power.self] = .success(Power(cpus: [power]))
            var cpu = CPUActivity(id: 3)
            (cpu.watched, cpu.idle) = (busy, 100 - busy)
            $0[CPUs.self] = .success(CPUs(cpus: [cpu]))
        }.with {
            var policy = FrequencyPolicy(id: 3, cpus: CPUList([3]))
            (policy.governor, policy.maximumKilohertz) = (governor, 3_500_000)
            $0.facts.power.policies = [policy]
        }
    }

    @Test func slowBusyCPUsCount() throws {
        let rule = Rule.cpufreqGovernor
        let finding = try #require(try rule.check(clocked(2_799_999)).first)
        let file = "/sys/devices/system/cpu/cpufreq/policy3/scaling_governor"
        #expect(finding.severity == .warning)
        #expect(finding.fix.commands == ["echo performance > \(file)"])
        #expect(finding.fix.rollback.first == "echo powersave > \(file)")
        #expect(finding.affected.map(\.tid) == [71])
        #expect(try rule.check(clocked(2_800_000)).isEmpty)
        #expect(try rule.check(clocked(2_799_999, busy: 69)).isEmpty)
        #expect(try rule.check(clocked(2_799_999, governor: "performance")).isEmpty)
    }

    @Test func heatIsNotBlamedOnTheGovernor() throws {
        let hot = clocked(1_100_000, heat: 1)
        #expect(try Rule.cpufreqGovernor.check(hot).isEmpty)
        let finding = try #require(try Rule.cpuThermalThrottle.check(hot).first)
        #expect(finding.severity == .warning)
        #expect(finding.culprit?.id == "cpu3")
        #expect(try Rule.cpuThermalThrottle.check(clocked(1_100_000)).isEmpty)
    }

    @Test func turboMattersToABusyLaunchThread() throws {
        func findings(_ running: UInt64, off: Bool) throws -> [Finding] {
            try Rule.turboDisabled.check(
                observe([trainer(71, asleep: true, [.running: running])]).with {
                    $0.facts.power.turboDisabled = off
                })
        }
        #expect(try findings(percent(70), off: true).first?.severity == .info)
        #expect(try findings(percent(70) - 1, off: true).isEmpty)
        #expect(try findings(percent(70), off: false).isEmpty)
    }

    private func sleeping(
        _ entries: UInt64, waited: UInt64, latency: Int64 = 50
    ) throws -> [Finding] {
        let idle = Culprit(kind: .idle)
        return try Rule.deepCstates.check(
            observe(
                [trainer(71, [.waiting: waited])],
                waits: [Wait(tid: 71, culprit: idle, nanoseconds: waited)]
            ) {
                var power = CPUPower(id: 0)
                power.idleEntries = [70_001, entries]
                $0[Power.self] = .success(Power(cpus: [power]))
            }.with {
                $0.facts.power.idleStates = [
                    IdleState(
                        index: 0, name: "C1", exitLatencyMicroseconds: 2, isDisabled: false),
                    IdleState(
                        index: 1, name: "C6", exitLatencyMicroseconds: latency,
                        isDisabled: false),
                ]
            })
    }

    @Test func deepSleepCountsWhereThreadsWaitForIt() throws {
        let finding = try #require(try sleeping(1_500, waited: percent(1)).first)
        #expect(finding.severity == .warning)
        #expect(claimed(finding, .waiting(Culprit(kind: .idle))) == percent(1))
        #expect(
            finding.fix.commands == [
                "for f in /sys/devices/system/cpu/cpu*/cpuidle/state1/disable; do echo 1 > $f; done"
            ])
        #expect(try sleeping(1_499, waited: percent(1)).isEmpty)
        #expect(try sleeping(1_500, waited: percent(1) - 1).isEmpty)
        #expect(try sleeping(1_500, waited: percent(1), latency: 49).isEmpty)
    }
}
