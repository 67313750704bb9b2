import Training

extension Finding {
    /// As grave as what it cost the GPU that it cost most, or as what that GPU did not feel.
    func weighed(by gpus: [GPULoss]) -> Finding {
        let parts = gpus.flatMap(\.parts).filter { $0.rule == rule && $0.culprit == culprit }
        guard let most = parts.map(\.share).max() else { return tempered(by: gpus) }
        var finding = self
        if severity == .warning && Sustained.critical.isReached(by: most) {
            finding.severity = .critical
            finding.evidence.append(
                Sustained.critical.evidence("idle time of the GPU that it cost most", most))
        }
        return finding
    }

    /// Less grave where the GPUs that the hit threads feed had work nearly all the while, for work
    /// that is queued ahead hides the loss (KNOWLEDGE B1, pair 1): a warning
    /// at most, and `info` where only threads are hit that work ahead of the launch thread. Threads
    /// that talk to other ranks may have cost those more: they are left as they are.
    private func tempered(by gpus: [GPULoss]) -> Finding {
        let roles = Set(affected.map(\.role))
        let isAhead = roles.isSubset(of: [.loader, .pinMemory])
        let most: Severity = isAhead ? .info : .warning
        guard severity > most, isAhead || roles.contains(.launch), !roles.isEmpty,
            !roles.contains(.nccl), let idle = idleShare(of: gpus),
            idle < idleWithoutCause.value
        else { return self }
        var finding = self
        finding.severity = most
        finding.summary +=
            "; the GPU had work queued and idled for only "
            + SchedulingText.percent(idle)
        finding.evidence.append(
            idleWithoutCause.evidence("idle time of the GPUs that it feeds", idle))
        return finding
    }

    /// Of the GPU that idled most: of those that the hit ranks compute on, or of all of the job where
    /// threads are hit that may work for any of them. `nil` where a hit rank's is not known.
    private func idleShare(of gpus: [GPULoss]) -> Double? {
        let ranks = Set(affected.filter { $0.role == .launch }.map(\.pid))
        guard ranks.isSubset(of: gpus.flatMap(\.processes)) else { return nil }
        let isLaunchAlone = affected.allSatisfy { $0.role == .launch }
        let fed = isLaunchAlone ? gpus.filter { !ranks.isDisjoint(with: $0.processes) } : gpus
        return fed.map(\.idleShare).max()
    }
}
