import Signals
import Training

/// What one watched thread lost to one thing, and the claims that say so. For the rules about CPU
/// time: their losses are waits behind culprits, and shares are of the time the thread was seen.
/// Rules about memory and storage, whose losses are states, use `ThreadLosses`.
struct ThreadLoss {
    var thread: ThreadActivity
    var role: Role
    var nanoseconds: UInt64
    /// Of the time that the thread was seen, 0 to 1.
    var share: Double
    var millisecondsPerSecond: Double
    /// Seen for long enough that a share of its time means something.
    var isLongLived: Bool
    var claims: [Claim]

    var isLaunch: Bool { role == .launch }
}

/// When a loss counts as lasting, and when as grave.
enum Sustained {
    /// Fewer windows than this say nothing about how a loss is spread.
    static let fewestWindows = 5
    static let presentWindows = 3
    /// One part in this of a window is enough to be present in it: 0.5 ms/s.
    static let presentPart: UInt64 = 2_000
    /// Threads seen for a smaller share of the window are too short-lived for shares.
    static let leastSeen = 0.1
    /// A launch thread that loses this much costs about as much as one GPU in five.
    static let critical = Limit(0.2, "share of wall", source: "judgement")
}

extension Observation {
    /// Losses to the waits that `counts` accepts, the worst first.
    func losses(in threads: Threads, counting counts: (Wait) -> Bool) -> [ThreadLoss] {
        var claims: [Int32: [Claim]] = [:]
        for wait in threads.waits where wait.nanoseconds > 0 && counts(wait) {
            claims[wait.tid, default: []].append(
                Claim(
                    tid: wait.tid, loss: .waiting(wait.culprit), nanoseconds: wait.nanoseconds))
        }
        return losses(in: threads, claims: claims)
    }

    /// Whether some thread lost `limit` of its time to the waits that `counts` accepts. Much
    /// cheaper than the losses themselves, and mostly the answer is no.
    func mayReach(
        _ limit: Limit, in threads: Threads, counting counts: (Wait) -> Bool
    ) -> Bool {
        var lost: [Int32: UInt64] = [:]
        for wait in threads.waits where counts(wait) {
            lost[wait.tid, default: 0] &+= wait.nanoseconds
        }
        return !lost.isEmpty
            && threads.threads.contains { thread in
                lost[thread.tid].map { limit.isReached(by: share($0, of: thread)) } ?? false
            }
    }

    /// Losses by thread from `claims` by tid, the worst first.
    func losses(in threads: Threads, claims: [Int32: [Claim]]) -> [ThreadLoss] {
        let losses = threads.threads.compactMap { thread -> ThreadLoss? in
            guard let own = claims[thread.tid] else { return nil }
            let lost = own.reduce(UInt64(0)) { $0 &+ $1.nanoseconds }
            guard lost > 0 else { return nil }
            return ThreadLoss(
                thread: thread, role: job.role(thread.tid), nanoseconds: lost,
                share: share(lost, of: thread), millisecondsPerSecond: milliseconds(lost),
                isLongLived: isLongLived(thread), claims: own)
        }
        // Sorted by place: a loss is large, and there are thousands.
        let keys = losses.indices.map { (losses[$0].nanoseconds, losses[$0].thread.tid, $0) }
        let order = keys.sorted { ($1.0, $0.1) < ($0.0, $1.1) }
        return order.map { losses[$0.2] }
    }

    func isLongLived(_ thread: ThreadActivity) -> Bool {
        Double(thread.time.total) >= Sustained.leastSeen * Double(whole.nanoseconds)
    }

    /// Nanoseconds in the window as ms per second of it.
    func milliseconds(_ nanoseconds: UInt64) -> Double { whole.perSecond(nanoseconds) / 1e6 }

    /// Whether a loss is spread over the time that was looked at, not one burst. True when there
    /// are too few windows to tell.
    func isSustained(_ loss: (Window) throws(Unavailable) -> UInt64) -> Bool {
        var seen = 0
        var present = 0
        for window in timeline {
            guard let lost = try? loss(window) else { continue }
            seen += 1
            if lost > 0 && lost >= window.nanoseconds / Sustained.presentPart { present += 1 }
            // The other windows cannot change that, and each may have thousands of threads.
            if present >= Sustained.presentWindows { return true }
        }
        return seen < Sustained.fewestWindows
    }

    /// `isSustained` for waits of the threads that `losses` hit.
    func isSustained(_ losses: [ThreadLoss], counting counts: (Wait) -> Bool) -> Bool {
        let tids = Set(losses.map(\.thread.tid))
        return isSustained { window throws(Unavailable) in
            try window(Threads.self).waits.reduce(0) {
                tids.contains($1.tid) && counts($1) ? $0 &+ $1.nanoseconds : $0
            }
        }
    }

    func severity(_ losses: [ThreadLoss]) -> Severity {
        let worst = losses.filter { $0.isLaunch && $0.isLongLived }.map(\.share).max() ?? 0
        return Sustained.critical.isReached(by: worst) ? .critical : .warning
    }

    /// The ledger, where it says who ran instead and what interrupted.
    func probedThreads() throws(Unavailable) -> Threads {
        let threads = try threads()
        guard threads.method == .probes else {
            throw Unavailable("who took the CPU is only known with kernel probes")
        }
        return threads
    }

    /// All watched processes.
    func watchedPIDs(_ threads: Threads) -> Set<Int32> {
        var pids = Set(job.processes.map(\.pid))
        for thread in threads.threads where !pids.contains(thread.pid) { pids.insert(thread.pid) }
        return pids
    }
}
