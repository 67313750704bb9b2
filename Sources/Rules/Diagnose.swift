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
    var budget = LossBudget(observation)
    for var finding in findings {
        let claimed = finding.claims.nanoseconds
        finding.claims = budget.grant(finding.claims)
        let granted = finding.claims.nanoseconds
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
    let (found, gpus) = gpuLosses(sorted.map(\.element.finding), observation)
    let costed = found.map { $0.weighed(by: gpus) }.enumerated().sorted {
        ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset)
    }.map(\.element)
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
        idleWithoutCause.isReached(by: $0.otherShare)
    }
    return isIdle ? .notHost : .healthy
}
