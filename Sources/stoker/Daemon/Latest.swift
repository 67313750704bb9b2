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
        var counters: MetricCounters
        var own: SelfReport
        var hour: HourOfSums
        /// What the daemon has to say of itself: why it sees or keeps less than it could.
        var notes: [String]
    }

    private let snapshot = Mutex<Snapshot?>(nil)
    /// CLOCK_MONOTONIC, ns.
    private let lookedAt = Atomic<UInt64>(monotonicNanoseconds())
    private let tickNanoseconds: Atomic<UInt64>
    private let hostname: String

    init(hostname: String, tick: UInt64) {
        self.hostname = hostname
        tickNanoseconds = Atomic(tick)
    }

    func change(tick: UInt64) { tickNanoseconds.store(tick, ordering: .relaxed) }

    /// The loop is alive.
    func note(_ now: UInt64) { lookedAt.store(now, ordering: .relaxed) }

    func publish(_ new: Snapshot) { snapshot.withLock { $0 = new } }

    private var current: Snapshot? { snapshot.withLock { $0 } }

    private var unready: String? {
        current == nil ? "not ready: there was no tick yet" : nil
    }

    private var unhealthy: String? {
        let age = growth(monotonicNanoseconds(), lookedAt.load(ordering: .relaxed))
        // A loop that missed three ticks is stuck; five seconds for hiccups of the host. Judgement.
        let patience = 3 &* tickNanoseconds.load(ordering: .relaxed) &+ 5_000_000_000
        guard age > patience else { return nil }
        return "the loop that measures is stuck for \(age / 1_000_000_000) s"
    }

    /// How the server reaches it.
    func site() -> Site {
        Site(
            metrics: { [self] in metrics($0) },
            report: { [self] in report($0) },
            page: { [self] in page() },
            unready: { [self] in unready },
            unhealthy: { [self] in unhealthy })
    }

    private func metrics(_ format: Site.MetricsFormat) -> String {
        let snapshot = current
        let look = snapshot.map {
            MetricsSnapshot.Look($0.tick.step, $0.tick.observation, $0.tick.diagnosis)
        }
        return exposition(
            MetricsSnapshot(
                counters: snapshot?.counters ?? MetricCounters(), look: look,
                own: snapshot?.own ?? SelfReport()),
            format == .text ? .text : .openMetrics)
    }

    private func page() -> String {
        let snapshot = current
        let report = snapshot.map {
            PageReport(
                $0.tick.observation, $0.tick.diagnosis, since: $0.tick.since, rules: catalogue)
        }
        let tick = tickNanoseconds.load(ordering: .relaxed)
        let about = PageAbout(
            host: hostname, version: version, now: wallClock(),
            tickSeconds: Double(tick) / 1e9,
            notes: (snapshot?.notes ?? []) + [unready, unhealthy].compactMap { $0 })
        return hostPage(report, hour: snapshot?.hour ?? HourOfSums(), about: about)
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
