import Rules
import Signals
import Training

/// The verdict as one word and one sentence.
func verdictLine(
    _ observation: Observation, _ diagnosis: Diagnosis
) -> (word: String, text: String) {
    let word = diagnosis.verdict.rawValue.uppercased()
    let sentence =
        switch diagnosis.verdict {
        case .hostBound: hostBound(observation, diagnosis)
        case .notHost: notHost(observation, diagnosis)
        case .healthy: healthy(observation)
        case .unknown: "Too little could be seen to say: \(whyUnknown(observation, diagnosis))."
        }
    guard observation.job.scope == .host else { return (word, sentence) }
    let scope = "No training process was found; this is about the whole machine. "
    return (word, scope + sentence)
}

private func hostBound(_ observation: Observation, _ diagnosis: Diagnosis) -> String {
    // What is outside of it may be worse, and is not what this sentence is about.
    let own = diagnosis.findings.first { !$0.isOutsideHost }
    let worst = own.map { "; worst: " + offence($0) } ?? ""
    let share = hostShare(diagnosis)
    if share >= worthSaying {
        return "The host took \(percent(share)) of \(whose(observation)) time\(worst)."
    }
    let victim = observation.job.scope == .host ? "programs" : "the job"
    let lost = diagnosis.findings.filter { $0.severity >= .warning }
        .compactMap(\.cost.threadSecondsPerSecond).filter(\.isFinite).reduce(0, +)
    return lost > 0
        ? "The host cost \(victim) \(quantity(lost)) thread-seconds every second\(worst)."
        : "The host holds \(victim) up\(worst)."
}

/// The share of time below which other figures say more.
private let worthSaying = 0.01

/// What the findings of `warning` and above took of the launch threads' time. Granted claims
/// never overlap, so they may be added.
func hostShare(_ diagnosis: Diagnosis) -> Double {
    diagnosis.findings.filter { $0.severity >= .warning }
        .compactMap(\.cost.launchShare).filter(\.isFinite).reduce(0, +)
}

private func healthy(_ observation: Observation) -> String {
    observation.job.scope == .host
        ? "Nothing on it costs its programs 1 % or more."
        : "Nothing on this host costs the job 1 % or more."
}

private func notHost(_ observation: Observation, _ diagnosis: Diagnosis) -> String {
    let worst = diagnosis.findings.first.map { "; worst: " + offence($0) } ?? ""
    guard let share = runningShare(observation) else {
        return "Time is lost, but not to this host\(worst)."
    }
    return "Time is lost, but not to this host: \(percent(share)) of \(whose(observation)) time "
        + "was its own work on a CPU\(worst)."
}

/// Share of the launch threads' time that was their own work on a CPU.
private func runningShare(_ observation: Observation) -> Double? {
    guard let threads = try? observation.threads() else { return nil }
    let time = observation.launchThreads(threads).reduce(StateTimes()) { $0 + $1.time }
    return time.total > 0 ? time.share(time[.running]) : nil
}

/// `the launch thread's`, or whoever stands for it.
func whose(_ observation: Observation) -> String {
    let launch = observation.job.roles.values.count { $0 == .launch }
    switch launch {
    case 0 where observation.job.scope == .host: return "the programs'"
    case 0: return "the watched threads'"
    case 1: return "the launch thread's"
    default: return "the launch threads'"
    }
}

private func whyUnknown(_ observation: Observation, _ diagnosis: Diagnosis) -> String {
    if case .failure(let why) = observation.whole.change[Threads.self] { return why.reason }
    let gap = observation.coverage.first { $0.state == .missing && $0.reason != nil }
    return gap?.reason ?? diagnosis.unchecked.first?.reason ?? "no watched thread did anything"
}

/// `cpu-contention by python3 (pid 812)`.
private func offence(_ finding: Finding) -> String {
    guard let culprit = finding.culprit else { return finding.cause.rawValue }
    return finding.cause.rawValue + " by " + described(culprit)
}

/// A culprit in a few words, its names cut.
func described(_ culprit: FindingCulprit) -> String {
    let name = shown(culprit.name)
    let id = shown(culprit.id)
    let either = name.isEmpty ? id : name
    switch culprit.kind {
    case .process: return name.isEmpty ? "pid \(id)" : "\(name) (pid \(id))"
    case .kthread: return "kernel thread \(either)" + (name.isEmpty ? "" : " (pid \(id))")
    case .irq: return "IRQ \(id)" + (name.isEmpty ? "" : " (\(name))")
    case .softirq: return "softirq \(either)"
    case .cgroup: return "cgroup \(id.isEmpty ? name : id)"
    case .device: return "device \(either)"
    case .setting: return id.isEmpty || id == name ? "setting \(either)" : "setting \(id) (\(name))"
    }
}
