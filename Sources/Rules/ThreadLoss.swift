import Signals
import Training

/// What one watched thread lost to one thing, and the claims that say so. For the rules about CPU
/// time: their losses are waits behind culprits, and shares are of the time the thread was seen.
/// Rules about memory and storage, whose losses are states, use `ThreadLosses`.
struct ThreadLoss {
    /// The ledger, and the thread's place in it: a thread is large, and there may be thousands.
    fileprivate var threads: [ThreadActivity]
    fileprivate var place: Int
    var role: Role
    var nanoseconds: UInt64
    /// Of the time that the thread was seen, 0 to 1.
    var share: Double
    var millisecondsPerSecond: Double
    /// Seen for long enough that a share of its time means something.
    var isLongLived: Bool
    var claims: ArraySlice<Claim>

    var thread: ThreadActivity { threads[place] }
    fileprivate var tid: Int32 { threads[place].tid }
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
    /// What decides whether to look closer must not be stricter by rounding than the look itself.
    static let nearly = 0.99
    /// A launch thread that loses this much costs about as much as one GPU in five.
    static let critical = Limit(0.2, "share of wall", source: "judgement")
}

extension Observation {
    /// Losses to waits behind the culprits that `counts` accepts, the worst first; of the threads
    /// `tids` alone, where they are given.
    func losses(
        in threads: Threads, of tids: [Int32]? = nil, behind counts: (Culprit) -> Bool
    ) -> [ThreadLoss] {
        let tids = tids.map { ThreadNumbers($0) }
        return losses(in: threads, to: index(threads).waits(of: tids, behind: counts))
    }

    /// Losses to `waits`, the worst first.
    func losses(in threads: Threads, to waits: [Wait]) -> [ThreadLoss] {
        losses(
            in: threads,
            claims: waits.filter { $0.nanoseconds > 0 }.map {
                Claim(tid: $0.tid, loss: .waiting($0.culprit), nanoseconds: $0.nanoseconds)
            })
    }

    /// Whether one thread lost about `part` of the window to waits behind the culprits that
    /// `counts` accepts. Much cheaper than the losses themselves, and mostly the answer is no.
    func mayLose(
        _ part: Double, in threads: Threads, behind counts: (Culprit) -> Bool
    ) -> Bool {
        guard let most = index(threads).lost(behind: counts)?.max(), most > 0 else { return false }
        return Double(most) >= Sustained.nearly * part * Double(whole.nanoseconds)
    }

    /// Losses by thread, the worst first.
    func losses(in threads: Threads, claims: [Claim]) -> [ThreadLoss] {
        let index = index(threads)
        var last = -1
        let places = claims.indices.map { claim in
            let place = index.place(of: claims[claim].tid, after: last)
            last = place ?? last
            return place ?? -1
        }
        let groups = Groups(places, below: threads.threads.count)
        let sorted = groups.order.map { claims[$0] }
        var losses: [ThreadLoss] = []
        for place in threads.threads.indices {
            let own = sorted[groups.range(of: index.firstPlace(place))]
            let lost = own.nanoseconds
            guard lost > 0 else { continue }
            losses.append(loss(of: threads, place, index.role(at: place), lost, own))
        }
        return losses.sorted {
            ($1.nanoseconds, $0.tid, $0.place) < ($0.nanoseconds, $1.tid, $1.place)
        }
    }

    private func loss(
        of threads: Threads, _ place: Int, _ role: Role, _ lost: UInt64, _ claims: ArraySlice<Claim>
    ) -> ThreadLoss {
        ThreadLoss(
            threads: threads.threads, place: place, role: role, nanoseconds: lost,
            share: share(lost, of: threads.threads[place]),
            millisecondsPerSecond: milliseconds(lost),
            isLongLived: isLongLived(threads.threads[place]), claims: claims)
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

    /// `isSustained` for waits of the threads that `losses` hit, behind some culprits.
    func isSustained(_ losses: [ThreadLoss], behind counts: (Culprit) -> Bool) -> Bool {
        isSustained(losses) { counts($0.culprit) }
    }

    /// `isSustained` for waits of the threads that `losses` hit.
    func isSustained(_ losses: [ThreadLoss], counting counts: (Wait) -> Bool) -> Bool {
        let tids = ThreadNumbers(losses.map(\.thread.tid))
        return isSustained { window throws(Unavailable) in
            let waits = try window(Threads.self).waits
            return waits.indices.reduce(0) { sum, place in
                guard tids.contains(waits[place].tid), counts(waits[place]) else { return sum }
                return sum &+ waits[place].nanoseconds
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

}
