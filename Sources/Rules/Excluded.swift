import Signals
import Training

/// Causes whose whole effect shows in the ledger, so that what they cannot have cost is known.
private let bounds: [(cause: Cause, lost: @Sendable (ThreadActivity, WaitShares) -> UInt64)] = [
    (.cpuContention, { $1.behindOthers[$0.tid] ?? 0 }),
    (.cpuOversubscription, { $1.behindOwn[$0.tid] ?? 0 }),
    (.cpuThrottling, { thread, _ in thread.time[.throttled] }),
    (.irqLoad, { thread, _ in thread.time[.irq] }),
    (.softirqLoad, { thread, _ in thread.time[.softirq] }),
    (.memoryReclaim, { thread, _ in thread.time[.reclaim] }),
    (.compactionStall, { thread, _ in thread.time[.compaction] }),
    (.majorFaults, { thread, _ in thread.time[.fault] }),
    (.storageStall, { thread, _ in thread.time[.io] }),
    (.lockContention, { thread, _ in thread.mmapLock }),
]

/// Waiting by victim, split by whose the culprit is, ns.
struct WaitShares {
    var behindOwn: [Int32: UInt64] = [:]
    var behindOthers: [Int32: UInt64] = [:]

    init(_ waits: [Wait], _ job: Job) {
        let own = Set(job.processes.map(\.pid))
        for wait in waits where wait.culprit.kind != .yield && wait.culprit.kind != .idle {
            let isOwn = wait.culprit.kind == .process && own.contains(wait.culprit.id)
            if isOwn {
                behindOwn[wait.tid, default: 0] &+= wait.nanoseconds
            } else {
                behindOthers[wait.tid, default: 0] &+= wait.nanoseconds
            }
        }
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
    let shares = WaitShares(ledger.waits, observation.job)
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
