import Signals
import Training

/// Causes whose whole effect shows in the ledger, so that what they cannot have cost is known.
private let bounds: [(cause: Cause, lost: @Sendable (ThreadActivity, WaitShares) -> UInt64)] = [
    (.cpuContention, { $1.behindOthers($0) }),
    (.cpuOversubscription, { $1.behindOwn($0) }),
    (.cpuThrottling, { thread, _ in thread.time[.throttled] }),
    (.irqLoad, { thread, _ in thread.time[.irq] }),
    (.softirqLoad, { thread, _ in thread.time[.softirq] }),
    (.memoryReclaim, { thread, _ in thread.time[.reclaim] }),
    (.compactionStall, { thread, _ in thread.time[.compaction] }),
    (.majorFaults, { thread, _ in thread.time[.fault] }),
    (.storageStall, { thread, _ in thread.time[.io] }),
    (.lockContention, { thread, _ in thread.mmapLock }),
]

/// Waiting by victim, split by whose the culprit is.
struct WaitShares {
    private let index: LedgerIndex
    private let own: [UInt64]?
    private let others: [UInt64]?

    init(_ index: LedgerIndex, _ job: Job) {
        let pids = Set(job.processes.map(\.pid))
        let isOwn = { (culprit: Culprit) in
            culprit.kind == .process && pids.contains(culprit.id)
        }
        self.index = index
        own = index.lost(behind: isOwn)
        others = index.lost { $0.kind != .yield && $0.kind != .idle && !isOwn($0) }
    }

    /// ns
    func behindOwn(_ thread: ThreadActivity) -> UInt64 {
        own.flatMap { lost in index.place(of: thread.tid).map { lost[$0] } } ?? 0
    }

    func behindOthers(_ thread: ThreadActivity) -> UInt64 {
        others.flatMap { lost in index.place(of: thread.tid).map { lost[$0] } } ?? 0
    }
}

/// Causes that were looked for and not found, and the most that each took of a launch thread's
/// time (of any watched thread's where no launch thread is known).
func excludedCauses(
    _ findings: [Finding], _ unchecked: [Unchecked], _ rules: [Rule], _ observation: Observation
) -> [Excluded] {
    guard let ledger = try? observation.threads(), ledger.method == .probes else { return [] }
    let found = Set(findings.filter { $0.severity >= .warning }.map(\.cause))
    let missing = Set(unchecked.map(\.rule))
    let checked = Set(rules.filter { !missing.contains($0.id) }.map(\.cause))
    let shares = WaitShares(observation.index(ledger), observation.job)
    // A thread that lived for a moment says nothing about shares.
    let lasting = Double(observation.whole.nanoseconds) * 0.1
    let threads = observation.launchThreads(ledger).filter {
        $0.tid > 0 && Double($0.time.total) >= lasting
    }
    return bounds.compactMap { cause, lost in
        guard checked.contains(cause), !found.contains(cause) else { return nil }
        let worst = threads.map { observation.share(lost($0, shares), of: $0) }.max() ?? 0
        return Excluded(cause: cause, upperBound: worst)
    }
}
