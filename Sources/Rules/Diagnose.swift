import Signals
package import Training

/// Findings whose loss is for the most part another finding's already say nothing new. Judgement.
private let leastGrantedShare = 0.25

/// Checks every rule, splits the measured loss between the findings and ranks them by cost.
package func diagnose(_ rules: [Rule], _ observation: Observation) -> Diagnosis {
    var findings: [Finding] = []
    var unchecked: [Unchecked] = []
    for rule in rules {
        switch rule.findings(in: observation) {
        case .success(let found): findings += found
        case .failure(let why):
            unchecked.append(Unchecked(rule: rule.id, reason: why.reason))
        }
    }
    var ranked: [(finding: Finding, impact: Double)] = []
    var budget = LossBudget(observation)
    for var finding in findings {
        let claimed = finding.claims.reduce(0) { $0 &+ $1.nanoseconds }
        finding.claims = budget.grant(finding.claims)
        let granted = finding.claims.reduce(0) { $0 &+ $1.nanoseconds }
        if claimed > 0 && Double(granted) < Double(claimed) * leastGrantedShare { continue }
        if claimed > 0 { finding.cost = budget.cost(of: finding.claims) }
        ranked.append((finding, max(finding.estimate, budget.impact(of: finding.claims))))
    }
    // Rules of one severity and cost keep the catalogue's order: sorting is stable.
    let sorted = ranked.enumerated().sorted { left, right in
        let (a, b) = (left.element, right.element)
        if a.finding.severity != b.finding.severity {
            return a.finding.severity > b.finding.severity
        }
        if a.impact != b.impact { return a.impact > b.impact }
        return left.offset < right.offset
    }
    return Diagnosis(
        verdict: verdict(sorted.map(\.element.finding), observation),
        findings: sorted.map(\.element.finding),
        excluded: excludedCauses(findings, unchecked, rules, observation),
        unchecked: unchecked)
}

private func verdict(_ findings: [Finding], _ observation: Observation) -> Diagnosis.Verdict {
    if findings.contains(where: { $0.severity >= .warning }) { return .hostBound }
    guard let threads = try? observation.threads(), !threads.threads.isEmpty else {
        return .unknown
    }
    return .healthy
}

/// What was lost, by thread and by what it was lost to, less what has been granted.
struct LossBudget {
    private let observation: Observation
    private var threads: [Int32: ThreadActivity] = [:]
    private var left: [Key: UInt64] = [:]

    private struct Key: Hashable {
        var tid: Int32
        var loss: Claim.Loss
    }

    init(_ observation: Observation) {
        self.observation = observation
        guard let ledger = try? observation.threads() else { return }
        for thread in ledger.threads where thread.tid > 0 {
            threads[thread.tid] = thread
            for state in ThreadState.allCases {
                left[Key(tid: thread.tid, loss: .state(state))] = thread.time[state]
            }
            left[Key(tid: thread.tid, loss: .mmapLock)] = thread.mmapLock
        }
        for wait in ledger.waits {
            left[Key(tid: wait.tid, loss: .waiting(wait.culprit)), default: 0] &+= wait.nanoseconds
        }
    }

    /// As much of each claim as nobody has claimed yet.
    mutating func grant(_ claims: [Claim]) -> [Claim] {
        claims.compactMap { claim in
            var granted = claim
            let pools = Self.pools(of: claim.loss).map { Key(tid: claim.tid, loss: $0) }
            granted.nanoseconds = pools.reduce(claim.nanoseconds) { min($0, left[$1] ?? 0) }
            for pool in pools { left[pool, default: 0] -= granted.nanoseconds }
            return granted.nanoseconds > 0 ? granted : nil
        }
    }

    /// A wait behind somebody is waiting too, and a wait for the mmap_lock is blocked time.
    private static func pools(of loss: Claim.Loss) -> [Claim.Loss] {
        switch loss {
        case .state: [loss]
        case .waiting: [loss, .state(.waiting)]
        case .mmapLock: [loss, .state(.blocked)]
        }
    }

    func cost(of claims: [Claim]) -> Cost {
        var cost = Cost()
        let window = observation.whole.nanoseconds
        guard window > 0 else { return cost }
        let all = claims.reduce(0) { $0 &+ $1.nanoseconds }
        cost.threadSecondsPerSecond = Double(all) / Double(window)
        let launch = threads.values.filter { observation.job.role($0.tid) == .launch }
        let wall = launch.reduce(0) { $0 &+ $1.time.total }
        guard wall > 0 else { return cost }
        let lost = claims.filter { observation.job.role($0.tid) == .launch }
            .reduce(0) { $0 &+ $1.nanoseconds }
        cost.launchShare = Double(lost) / Double(wall)
        return cost
    }

    /// The largest share that one thread lost. The job waits for launch and communication threads
    /// at once; others have work queued ahead of them. Weights are judgement.
    func impact(of claims: [Claim]) -> Double {
        var lost: [Int32: UInt64] = [:]
        for claim in claims { lost[claim.tid, default: 0] &+= claim.nanoseconds }
        return lost.reduce(0) { worst, entry in
            guard let thread = threads[entry.key] else { return worst }
            let role = observation.job.role(entry.key)
            let weight = role == .launch || role == .nccl ? 1.0 : 0.5
            return max(worst, weight * observation.share(entry.value, of: thread))
        }
    }
}
