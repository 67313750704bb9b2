/// The ledger of every watched thread, and behind whom each of them waited.
package struct Threads: Signal {
    package static let name = "sched"

    package enum Method: String, Sendable, Codable {
        /// Kernel probes: exact.
        case probes
        /// /proc/PID/task: running and waiting exact, the rest sampled.
        case procfs
    }

    package var method: Method
    package var threads: [ThreadActivity]
    package var waits: [Wait]
    package var gaps: Gaps

    package init(
        method: Method = .probes, threads: [ThreadActivity] = [], waits: [Wait] = [],
        gaps: Gaps = Gaps()
    ) {
        self.method = method
        self.threads = threads
        self.waits = waits
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<Threads> {
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: Threads) -> Threads { self }
}
