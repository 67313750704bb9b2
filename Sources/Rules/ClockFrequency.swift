import Host
import Signals
import Training

private let slow = Limit(80, "%", source: "judgement: a fifth of the speed is gone")
private let busy = Limit(70, "%", source: "judgement: an idle CPU is slow by right")

extension Rule {
    package static let cpufreqGovernor = Rule(
        id: "cpufreq-governor", cause: .powerState, ceiling: .warning,
        title: "Busy CPUs of the job run below their clock rate",
        explanation: Explanation(
            what: """
                A governor decides how fast each CPU is clocked. The saving ones raise the clock \
                late or not all the way.
                """,
            why: "The launch thread needs longer for each step; so do the loaders.",
            seen: """
                CPUs that run watched threads were busy and clocked below four fifths of their \
                highest rate, with a governor other than performance.
                """,
            fix: "The governor `performance` keeps busy CPUs at their highest rate.",
            avoid: """
                Where CPUs and GPUs share a power budget, faster CPUs leave less for the GPUs. It \
                does not help against heat.
                """,
            verify: "scaling_cur_freq of those CPUs is near cpuinfo_max_freq under load.",
            sources: [
                "Documentation/admin-guide/pm/cpufreq.rst", "tuned profile throughput-performance",
                "NVIDIA DGX OS",
            ])
    ) { observation throws(Unavailable) in
        let power = try observation.whole(Power.self)
        let cpus = try observation.whole(CPUs.self).cpus
        let slowCPUs = power.cpus.compactMap { cpu -> SlowCPU? in
            guard let activity = cpus.first(where: { $0.id == cpu.id }), cpu.thermalThrottles == 0
            else { return nil }
            return SlowCPU(cpu, activity, observation.facts.power)
        }
        guard let worst = slowCPUs.min(by: { $0.clockPercent < $1.clockPercent }) else { return [] }
        let policies = observation.facts.power.policies.filter { policy in
            slowCPUs.contains { $0.policy.id == policy.id }
        }
        return [
            Finding(
                rule: "cpufreq-governor", cause: .powerState, severity: .warning,
                confidence: .associated,
                summary: "CPU \(worst.id) is \(briefFigure(worst.busyPercent)) % busy at "
                    + "\(briefFigure(worst.clockPercent)) % of its highest clock rate "
                    + "(governor \(worst.governor))",
                culprit: FindingCulprit(
                    kind: .setting, id: "scaling_governor", name: worst.governor),
                affected: watched(on: slowCPUs.map(\.id), observation),
                evidence: [
                    slow.evidence("clock of CPU \(worst.id) to its highest", worst.clockPercent),
                    busy.evidence("CPU \(worst.id) busy", worst.busyPercent),
                ],
                fix: performance(policies, observation),
                verify: "`cat \(folder(worst.policy))/scaling_cur_freq` under load is near "
                    + "\(worst.policy.maximumKilohertz ?? 0)")
        ]
    }

    private static func watched(on cpus: [Int], _ observation: Observation) -> [Affected] {
        (observation.optional(Threads.self)?.threads ?? [])
            .filter { cpus.contains($0.cpu) && $0.time[.running] > 0 }.map(observation.affected)
    }

    private static func folder(_ policy: FrequencyPolicy) -> String {
        "/sys/devices/system/cpu/cpufreq/policy\(policy.id)"
    }

    private static func performance(
        _ policies: [FrequencyPolicy], _ observation: Observation
    ) -> Fix {
        let parts = policies.map { policy in
            Fix.file(
                folder(policy) + "/scaling_governor", to: "performance", from: policy.governor,
                called: "governor-\(policy.id)", risk: "")
        }
        return Fix(
            commands: parts.flatMap(\.commands), persist: parts.flatMap(\.persist),
            rollback: parts.flatMap(\.rollback),
            risk: "more power and heat; GPUs get less where the power budget is shared",
            managedBy: observation.manager("tuned", "power-profiles-daemon"))
    }

    package static let turboDisabled = Rule(
        id: "turbo-disabled", cause: .powerState, ceiling: .info,
        title: "CPUs may not go above their base clock rate",
        explanation: Explanation(
            what: "Turbo lets a CPU run faster than its base rate while heat and power allow.",
            why: "One launch thread drives one GPU: its speed is the speed of one CPU.",
            seen: "Turbo is switched off, and a launch thread is on its CPU most of the time.",
            fix: "CPUs may go above their base rate again, as far as heat and power allow.",
            avoid: "Leave it off where even timing matters more than speed, or power is short.",
            verify: "scaling_cur_freq of busy CPUs rises.",
            sources: ["Documentation/admin-guide/pm/intel_pstate.rst", "tuned profiles"])
    ) { observation throws(Unavailable) in
        guard let isOff = observation.facts.power.turboDisabled else {
            throw Unavailable("no turbo switch in /sys (virtual machine or no cpufreq)")
        }
        let threads = try observation.threads()
        let running = ThreadLosses(
            observation.criticalThreads(threads), during: observation.whole
        ) { $0.time[.running] }
        guard isOff, busy.isReached(by: running.worstPercent) else { return [] }
        let intel = "/sys/devices/system/cpu/intel_pstate/no_turbo"
        let other = "/sys/devices/system/cpu/cpufreq/boost"
        return [
            Finding(
                rule: "turbo-disabled", cause: .powerState, severity: .info,
                confidence: .configuration,
                summary: "turbo is off; \(running.worstInWords) is spent computing",
                culprit: FindingCulprit(kind: .setting, id: "turbo", name: "turbo"),
                evidence: [busy.evidence("launch thread on its CPU", running.worstPercent)],
                fix: Fix(
                    commands: [
                        "if [ -e \(intel) ]; then echo 0 > \(intel); else echo 1 > \(other); fi"
                    ],
                    persist: [
                        "echo 'w \(intel) - - - - 0' > /etc/tmpfiles.d/stoker-turbo.conf",
                        "echo 'w \(other) - - - - 1' >> /etc/tmpfiles.d/stoker-turbo.conf",
                    ],
                    rollback: [
                        "if [ -e \(intel) ]; then echo 1 > \(intel); else echo 0 > \(other); fi",
                        "rm -f /etc/tmpfiles.d/stoker-turbo.conf",
                    ],
                    risk: "more power and heat", managedBy: observation.manager("tuned")),
                verify: "scaling_cur_freq of busy CPUs rises above the base rate")
        ]
    }
}

/// A busy CPU of the job below the clock rate that it could have.
private struct SlowCPU {
    var id: Int
    var policy: FrequencyPolicy
    var governor: String
    var clockPercent: Double
    var busyPercent: Double

    init?(_ power: CPUPower, _ activity: CPUActivity, _ facts: PowerFacts) {
        guard activity.total > 0, activity.watched >= activity.total / 10,
            let policy = facts.policies.first(where: { $0.cpus.contains(power.id) }),
            let governor = policy.governor, governor != "performance",
            let highest = policy.maximumKilohertz, highest > 0, let now = power.kilohertz
        else { return nil }
        id = power.id
        self.policy = policy
        self.governor = governor
        clockPercent = 100 * Double(now) / Double(highest)
        busyPercent = 100 * Double(growth(activity.total, activity.idle)) / Double(activity.total)
        guard clockPercent < slow.value, busy.isReached(by: busyPercent) else { return nil }
    }
}
