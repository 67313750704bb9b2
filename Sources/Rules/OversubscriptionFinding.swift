import Host
import Signals
import Training

extension Observation {
    /// The finding of the rule that explains `kind`, when it is the one that does.
    func crowdingFindings(
        _ rule: String, _ kind: Oversubscription,
        fix: (Crowding) -> (summary: String, culprit: FindingCulprit, fix: Fix)
    ) throws(Unavailable) -> [Finding] {
        guard let crowding = try crowding(), crowding.kind == kind else { return [] }
        let worst = crowding.hit.first(where: \.isLaunch) ?? crowding.hit[0]
        let perCPU = crowding.demand / Double(max(crowding.allowed.count, 1))
        let advice = fix(crowding)
        return [
            Finding(
                rule: rule, cause: .cpuOversubscription, severity: severity(crowding.hit),
                confidence: .measured,
                summary: """
                    \(SchedulingText.thread(worst)) waited \(SchedulingText.percent(worst.share)) \
                    of its time behind the job's own threads: they wanted \
                    \(SchedulingText.oneDecimal(crowding.demand)) CPUs and may use \
                    \(crowding.allowed.count) (\(crowding.allowed.description)); \(advice.summary)
                    """,
                culprit: advice.culprit, affected: crowding.hit.map { affected($0.thread) },
                evidence: [
                    CrowdingLimits.launchShare.evidence(
                        "waiting behind the job's own threads", worst.share),
                    CrowdingLimits.demand.evidence("running or ready threads", perCPU),
                    CrowdingLimits.waited.evidence(
                        "part of that spent waiting for each other", crowding.waitedShare),
                ],
                fix: advice.fix,
                verify: "stoker diagnose: launch threads wait for less than 5 % of their time",
                claims: crowding.losses.flatMap(\.claims))
        ]
    }

    /// The process that the job's threads waited for most.
    func crowdingCulprit(_ crowding: Crowding) -> FindingCulprit {
        crowding.groups.first?.processCulprit
            ?? FindingCulprit(kind: .process, id: "", name: "")
    }

    /// OMP_NUM_THREADS as the ranks have it.
    var ompSetting: String {
        let found = Set(job.processes.compactMap(\.ompThreads)).sorted()
        return found.isEmpty
            ? "OMP_NUM_THREADS is not set"
            : "OMP_NUM_THREADS is " + found.map(String.init).joined(separator: ", ")
    }
}
