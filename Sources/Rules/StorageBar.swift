import Signals
import Training

/// When waiting for storage is worth a word.
enum StorageLimits {
    static let launch = Limit(1, "%", source: "judgement: 1 % of step time is worth a change")
    static let others = Limit(20, "%", source: "judgement: prefetching hides less than that")
}

extension Observation {
    /// A launch thread loses 1 %, or another watched thread 20 % of its time.
    func waitsForStorage(_ losses: ThreadLosses, in threads: Threads) -> Bool {
        losses.entries.contains { entry in
            let isLaunch = job.role(entry.thread.tid) == .launch
            let limit = isLaunch ? StorageLimits.launch : StorageLimits.others
            return limit.isReached(by: entry.percent) && (isLaunch || isAtWork(entry.thread))
        }
    }

    /// Where the whole host is watched, daemons that sleep between two `fsync` do not count:
    /// the thread must read, or do more than write.
    private func isAtWork(_ thread: ThreadActivity) -> Bool {
        guard job.scope == .host else { return true }
        let reads = StorageLimits.others.isReached(by: 100 * share(thread.reading, of: thread))
        let working = growth(thread.awake, thread.time[.io] &+ thread.time[.blocked])
        return isActive(thread)
            && (reads || LossLimits.awake.isReached(by: 100 * share(working, of: thread)))
    }
}
