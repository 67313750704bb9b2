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
        switch source.ledger {
        case .success(let ledger):
            let reader = LedgerReader(ledger, source)
            return { () throws(Unavailable) in try reader.read() }
        case .failure(let why):
            let reader = SchedstatReader(source, instead: why)
            source.onLook { reader.sample() }
            return { () throws(Unavailable) in reader.read() }
        }
    }

    package func since(_ earlier: Threads) -> Threads {
        // Places, not threads: a thread is large, and there are thousands.
        let before = Dictionary(
            zip(earlier.threads.lazy.map(Identity.init), earlier.threads.indices),
            uniquingKeysWith: { $1 })
        var waited = [WaitIdentity: UInt64](minimumCapacity: earlier.waits.count)
        for wait in earlier.waits { waited[WaitIdentity(wait), default: 0] &+= wait.nanoseconds }
        return Threads(
            method: method,
            threads: threads.compactMap { now in
                guard let place = before[Identity(now)] else { return now }
                let then = earlier.threads[place]
                // Sums of ended threads go on growing.
                return then.hasExited && then.tid > 0 ? nil : now.since(then)
            },
            waits: waits.compactMap { now in
                let more = growth(now.nanoseconds, waited[WaitIdentity(now)] ?? 0)
                guard more > 0 else { return nil }
                return Wait(tid: now.tid, culprit: now.culprit, nanoseconds: more)
            },
            gaps: Gaps(
                reasons: gaps.reasons, lost: growth(gaps.lost, earlier.gaps.lost)))
    }

    private struct Identity: Hashable {
        var tid: Int32
        var startedAt: UInt64
        var name: String

        init(_ thread: ThreadActivity) {
            tid = thread.tid
            startedAt = thread.startedAt
            // Sums of many ended threads have no tid of their own.
            name = thread.tid > 0 ? "" : thread.name
        }

        /// By as little as tells most apart: there are thousands of threads.
        func hash(into hasher: inout Hasher) {
            hasher.combine(tid)
            if tid <= 0 { hasher.combine(name) }
        }
    }

    private struct WaitIdentity: Hashable {
        var tid: Int32
        var kind: Culprit.Kind
        var id: Int32

        init(_ wait: Wait) {
            tid = wait.tid
            kind = wait.culprit.kind
            id = wait.culprit.id
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(UInt64(UInt32(bitPattern: tid)) << 32 | UInt64(UInt32(bitPattern: id)))
        }
    }
}

extension Window {
    /// Threads that only slept say nothing in a step of the timeline, and cost memory.
    package var withoutSleepers: Window {
        var window = self
        window.change[Threads.self] = change[Threads.self].map { threads in
            var awake = threads
            awake.threads.removeAll { $0.awake == 0 }
            return awake
        }
        return window
    }
}
