import Signals
package import Training

/// Findings whose loss is for the most part another finding's already say nothing new. Judgement.
private let leastGrantedShare = 0.25

/// Checks every rule, splits the measured loss between the findings and ranks them by cost.
package func diagnose(_ rules: [Rule], _ observation: Observation) -> Diagnosis {
    var findings: [Finding] = []
    var unchecked: [Unchecked] = []
    let observation = observation.prepared()
    for rule in rules {
        switch rule.findings(in: observation) {
        case .success(let found): findings += found
        case .failure(let why):
            unchecked.append(Unchecked(rule: rule.id, reason: why.reason))
        }
    }
    var ranked: [(finding: Finding, impact: Double)] = []
    let losers = Set(findings.lazy.flatMap { $0.claims.lazy.map(\.tid) })
    var budget = LossBudget(observation, of: losers)
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
    let (costed, gpus) = gpuLosses(sorted.map(\.element.finding), observation)
    let verdict = verdict(costed, gpus, observation)
    return Diagnosis(
        verdict: verdict,
        // What a GPU waits for is known where the host holds the job up.
        findings: costed.filter { verdict != .hostBound || $0.rule != Rule.nothingFound.id },
        excluded: excludedCauses(findings, unchecked, rules, observation),
        unchecked: unchecked, gpus: gpus)
}

private func verdict(
    _ findings: [Finding], _ gpus: [GPULoss], _ observation: Observation
) -> Diagnosis.Verdict {
    let grave = findings.filter { $0.severity >= .warning }
    if !grave.isEmpty {
        return grave.allSatisfy(\.isOutsideHost) ? .notHost : .hostBound
    }
    guard let threads = try? observation.threads(), !threads.threads.isEmpty else {
        return .unknown
    }
    let isIdle = gpus.contains {
        idleWithoutCause.isReached(by: $0.programShare + $0.unexplainedShare)
    }
    return isIdle ? .notHost : .healthy
}

/// What was lost, by thread and by what it was lost to, less what has been granted.
struct LossBudget {
    private let observation: Observation
    /// By thread; a host has thousands, so each has one entry and not one for every state.
    private var totals: [Int32: UInt64] = [:]
    private var states: [Int32: StateTimes] = [:]
    private var locks: [Int32: UInt64] = [:]
    private var waits: [WaitKey: UInt64] = [:]
    private var launchWall: UInt64 = 0

    private struct WaitKey: Hashable {
        var tid: Int32
        var culprit: Culprit
    }

    /// For claims of the threads `tids` alone.
    init(_ observation: Observation, of tids: Set<Int32>) {
        self.observation = observation
        guard let ledger = try? observation.threads() else { return }
        for thread in ledger.threads where thread.tid > 0 {
            if observation.job.role(thread.tid) == .launch { launchWall &+= thread.time.total }
            guard tids.contains(thread.tid) else { continue }
            totals[thread.tid] = thread.time.total
            states[thread.tid] = thread.time
            locks[thread.tid] = thread.mmapLock
        }
        for wait in ledger.waits where tids.contains(wait.tid) {
            waits[WaitKey(tid: wait.tid, culprit: wait.culprit), default: 0] &+= wait.nanoseconds
        }
    }

    /// As much of each claim as nobody has claimed yet.
    mutating func grant(_ claims: [Claim]) -> [Claim] {
        claims.compactMap { claim in
            var granted = claim
            granted.nanoseconds = take(claim)
            return granted.nanoseconds > 0 ? granted : nil
        }
    }

    /// A wait behind somebody is waiting too, and a wait for the mmap_lock is blocked time.
    private mutating func take(_ claim: Claim) -> UInt64 {
        let tid = claim.tid
        let (state, own): (ThreadState, UInt64) =
            switch claim.loss {
            case .state(let state): (state, .max)
            case .waiting(let culprit):
                (.waiting, waits[WaitKey(tid: tid, culprit: culprit)] ?? 0)
            case .mmapLock: (.blocked, locks[tid] ?? 0)
            }
        let taken = min(claim.nanoseconds, own, states[tid]?[state] ?? 0)
        guard taken > 0 else { return 0 }
        states[tid]?[state] -= taken
        switch claim.loss {
        case .state: break
        case .waiting(let culprit): waits[WaitKey(tid: tid, culprit: culprit)] = own - taken
        case .mmapLock: locks[tid] = own - taken
        }
        return taken
    }

    func cost(of claims: [Claim]) -> Cost {
        var cost = Cost()
        let window = observation.whole.nanoseconds
        guard window > 0 else { return cost }
        let all = claims.reduce(0) { $0 &+ $1.nanoseconds }
        cost.threadSecondsPerSecond = Double(all) / Double(window)
        guard launchWall > 0 else { return cost }
        let lost = claims.filter { observation.job.role($0.tid) == .launch }
            .reduce(0) { $0 &+ $1.nanoseconds }
        cost.launchShare = Double(lost) / Double(launchWall)
        return cost
    }

    /// The largest share that one thread lost. The job waits for launch and communication threads
    /// at once; others have work queued ahead of them. Weights are judgement.
    func impact(of claims: [Claim]) -> Double {
        var lost: [Int32: UInt64] = [:]
        for claim in claims { lost[claim.tid, default: 0] &+= claim.nanoseconds }
        return lost.reduce(0) { worst, entry in
            guard let total = totals[entry.key], total > 0 else { return worst }
            let role = observation.job.role(entry.key)
            let weight = role == .launch || role == .nccl ? 1.0 : 0.5
            return max(worst, weight * Double(entry.value) / Double(total))
        }
    }
}
