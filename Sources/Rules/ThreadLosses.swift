import Signals
import Training

/// Time that single watched threads lost to one thing, the greatest loss first. For the rules about
/// memory and storage: their losses are states of threads, and shares are of the whole window.
/// Rules about CPU time, which need to know behind whom a thread waited, use `ThreadLoss`.
struct ThreadLosses: Sendable {
    struct Entry: Sendable {
        var thread: ThreadActivity
        var nanoseconds: UInt64
        /// Percent of the window, or of the thread's own time where that is longer: a thread that
        /// lived for a moment only cannot lose much.
        var percent: Double
    }

    var entries: [Entry]
    /// Length of the window, ns.
    var window: UInt64

    init(
        _ threads: [ThreadActivity], during window: Window, lost: (ThreadActivity) -> UInt64
    ) {
        self.window = window.nanoseconds
        entries = []
        // In place: a thread is large, there are thousands, and mostly none lost anything.
        let all = threads.span
        for place in all.indices {
            let nanoseconds = lost(all[place])
            guard nanoseconds > 0 else { continue }
            let wall = max(all[place].time.total, window.nanoseconds)
            guard wall > 0 else { continue }
            entries.append(
                Entry(
                    thread: threads[place], nanoseconds: nanoseconds,
                    percent: 100 * Double(nanoseconds) / Double(wall)))
        }
        entries.sort { ($0.nanoseconds, $1.thread.tid) > ($1.nanoseconds, $0.thread.tid) }
    }

    var isEmpty: Bool { entries.isEmpty }
    var total: UInt64 { entries.reduce(0) { $0 &+ $1.nanoseconds } }
    /// Share of the worst-hit thread's time, percent.
    var worstPercent: Double { entries.map(\.percent).max() ?? 0 }
    /// All threads together.
    var millisecondsPerMinute: Double {
        window > 0 ? Double(total) * 60_000 / Double(window) : 0
    }

    func filter(_ keep: (Entry) -> Bool) -> ThreadLosses {
        var some = self
        some.entries = entries.filter(keep)
        return some
    }

    func claims(_ loss: Claim.Loss) -> [Claim] {
        entries.map { Claim(tid: $0.thread.tid, loss: loss, nanoseconds: $0.nanoseconds) }
    }
}

/// How much loss is worth a warning.
enum LossLimits {
    /// Every second of a launch thread is a second of its GPU: a fifth of them is a job that
    /// runs at four fifths of its speed at best.
    static let critical = Limit(20, "%", source: "judgement: a fifth of the launch thread's time")
    static let active = Limit(
        1, "%", source: "judgement: 1 % of step time is worth a change")
    static let awake = Limit(10, "%", source: "judgement: a thread that takes part in the work")
}

extension Observation {
    /// Whether launch threads were told apart from the others.
    func knowsLaunchThreads(_ threads: Threads) -> Bool {
        !index(threads).launch.isEmpty
    }

    /// Threads whose every millisecond counts; none where the whole host is watched and nobody
    /// is known to train.
    func criticalThreads(_ threads: Threads) -> [ThreadActivity] {
        guard job.scope == .processes || knowsLaunchThreads(threads) else { return [] }
        return launchThreads(threads)
    }

    /// Awake for long enough to be part of what the host is used for.
    func isActive(_ thread: ThreadActivity) -> Bool {
        LossLimits.awake.isReached(by: 100 * share(thread.awake, of: thread))
    }

    /// The severity of a measured loss that has reached its trigger.
    func severity(of losses: ThreadLosses, in threads: Threads) -> Severity {
        let tids = Set(criticalThreads(threads).map(\.tid))
        let worst = losses.filter { tids.contains($0.thread.tid) }.worstPercent
        return LossLimits.critical.isReached(by: worst) ? .critical : .warning
    }

    /// At least one active thread loses 1 %, or the threads that count lose `perMinute`.
    func isStalled(_ losses: ThreadLosses, in threads: Threads, perMinute: Limit) -> Bool {
        let active = losses.filter { isActive($0.thread) }.worstPercent
        if LossLimits.active.isReached(by: active) { return true }
        let tids = Set(criticalThreads(threads).map(\.tid))
        let counted = losses.filter { tids.contains($0.thread.tid) }
        return perMinute.isReached(by: counted.millisecondsPerMinute)
    }

    func affected(_ losses: ThreadLosses) -> [Affected] {
        losses.entries.map { affected($0.thread) }
    }

    /// The signal where it could be read: for evidence that a rule can do without.
    func optional<S: Signal>(_ signal: S.Type) -> S? {
        try? whole.change[signal].get()
    }
}

extension ThreadLosses {
    /// `thread 4711 (python) 12.5 % of its time`, of the worst-hit thread.
    var worstInWords: String {
        guard let worst = entries.first else { return "no thread" }
        return "thread \(worst.thread.tid) (\(worst.thread.name)) "
            + "\(briefFigure(worst.percent)) % of its time"
    }

    /// The row that shows the worst-hit thread against the limit for active threads.
    var shareEvidence: Evidence {
        LossLimits.active.evidence("worst-hit thread's share of wall time", worstPercent)
    }
}

/// A number with as many digits as help: `0.033`, `1.5`, `1287`.
func briefFigure(_ value: Double) -> String {
    let scale: Double = value >= 100 ? 1 : value >= 1 ? 10 : 1000
    let rounded = (value * scale).rounded() / scale
    let isWhole = rounded == rounded.rounded() && abs(rounded) < 1e15
    return isWhole ? "\(Int64(rounded))" : "\(rounded)"
}
