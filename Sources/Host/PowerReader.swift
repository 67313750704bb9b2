extension PowerFacts {
    private static let cpuFolder = "/sys/devices/system/cpu"

    package static func read(from host: Host) -> PowerFacts {
        var facts = PowerFacts()
        let frequency = "\(cpuFolder)/cpufreq"
        facts.policies = host.numbered("policy", in: frequency).map { id in
            policy(id, in: "\(frequency)/policy\(id)", host)
        }
        let idle = "\(cpuFolder)/cpu0/cpuidle"
        facts.idleStates = host.numbered("state", in: idle).map { index in
            state(index, in: "\(idle)/state\(index)", host)
        }
        if let noTurbo = host.number("\(cpuFolder)/intel_pstate/no_turbo") {
            facts.turboDisabled = noTurbo != 0
        } else if let boost = host.number("\(frequency)/boost") {
            facts.turboDisabled = boost == 0
        }
        return facts
    }

    private static func policy(_ id: Int, in folder: String, _ host: Host) -> FrequencyPolicy {
        let cpus = (host.line("\(folder)/affected_cpus") ?? "").split(separator: " ")
        var policy = FrequencyPolicy(id: id, cpus: CPUList(cpus.compactMap { Int($0) }))
        policy.governor = host.line("\(folder)/scaling_governor")
        policy.energyPreference = host.line("\(folder)/energy_performance_preference")
        policy.maximumKilohertz = host.number("\(folder)/cpuinfo_max_freq")
        return policy
    }

    private static func state(_ index: Int, in folder: String, _ host: Host) -> IdleState {
        IdleState(
            index: index,
            name: host.line("\(folder)/name") ?? "",
            exitLatencyMicroseconds: host.number("\(folder)/latency") ?? 0,
            isDisabled: (host.number("\(folder)/disable") ?? 0) != 0)
    }
}
