import Training

/// Work that is queued ahead hides what a launch thread loses: KNOWLEDGE B1, pair 1.
private let hardlyIdle = Limit(
    0.05, "share of the GPU's time", source: "judgement: a step leaves gaps between kernels")

extension Finding {
    /// A warning at most where the GPUs that the hit threads feed had work nearly all the while.
    /// Threads that talk to other ranks may have cost those more: they are left as they are.
    func tempered(by gpus: [GPULoss]) -> Finding {
        let pids = Set(affected.map(\.pid))
        guard severity == .critical, affected.contains(where: { $0.role == .launch }),
            affected.allSatisfy({ $0.role != .nccl })
        else { return self }
        let fed = gpus.filter { !pids.isDisjoint(with: $0.processes) }
        guard let idle = fed.map(\.idleShare).max(), idle < hardlyIdle.value,
            pids.isSubset(of: fed.flatMap(\.processes))
        else { return self }
        var finding = self
        finding.severity = .warning
        finding.summary +=
            "; the GPU had work queued and idled for only "
            + SchedulingText.percent(idle)
        finding.evidence.append(hardlyIdle.evidence("idle time of the GPUs that it feeds", idle))
        return finding
    }
}
