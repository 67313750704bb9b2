import Daemon
import Host
import Outputs
import Rules
import Serving
import Signals
import Synchronization

/// What the last tick left, from which HTTP answers: no client ever waits for the hardware. A class
/// because the loop writes it and the server's thread reads it.
final class Latest: Sendable {
    /// Everything that an answer is made of.
    struct Snapshot: Sendable {
        var tick: Tick
    }

    private let snapshot = Mutex<Snapshot?>(nil)
    /// CLOCK_MONOTONIC, ns.
    private let lookedAt = Atomic<UInt64>(monotonicNanoseconds())
    private let patience: Atomic<UInt64>

    init(tick: UInt64) { patience = Atomic(Self.patience(tick)) }

    /// A loop that missed three ticks is stuck; five seconds for the host's own hiccups. Judgement.
    private static func patience(_ tick: UInt64) -> UInt64 { 3 &* tick &+ 5_000_000_000 }

    func change(tick: UInt64) { patience.store(Self.patience(tick), ordering: .relaxed) }

    /// The loop is alive.
    func note(_ now: UInt64) { lookedAt.store(now, ordering: .relaxed) }

    func publish(_ new: Snapshot) { snapshot.withLock { $0 = new } }

    private var current: Snapshot? { snapshot.withLock { $0 } }

    private var unready: String? {
        current == nil ? "not ready: there was no tick yet" : nil
    }

    private var unhealthy: String? {
        let age = growth(monotonicNanoseconds(), lookedAt.load(ordering: .relaxed))
        guard age > patience.load(ordering: .relaxed) else { return nil }
        return "the loop that measures is stuck for \(age / 1_000_000_000) s"
    }

    /// How the server reaches it.
    func site() -> Site {
        Site(
            metrics: { _ in "" },
            report: { [self] in report($0) },
            page: { "" },
            unready: { [self] in unready },
            unhealthy: { [self] in unhealthy })
    }

    private func report(_ format: Site.ReportFormat) -> String {
        guard let tick = current?.tick else { return format == .json ? "{}\n" : "no tick yet\n" }
        switch format {
        case .json: return jsonReport(tick.observation, tick.diagnosis, version: version)
        case .text:
            return textReport(
                tick.observation, tick.diagnosis, rules: catalogue, version: version,
                style: TextStyle(colour: false, unicode: true, width: 80))
        }
    }
}
