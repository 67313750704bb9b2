/// A value, or the reason there is none, for each signal.
package struct Readings: Sendable {
    private var byName: [String: Result<any Signal, Unavailable>] = [:]

    package init() {}

    package subscript<S: Signal>(_ signal: S.Type) -> Result<S, Unavailable> {
        get {
            switch byName[S.name] {
            case .success(let value as S): .success(value)
            case .failure(let why): .failure(why)
            case .success, nil: .failure(Unavailable("not sampled"))
            }
        }
        set { byName[S.name] = newValue.map { $0 } }
    }

    /// What happened between `earlier` and this, for each of `signals`.
    package func since(_ earlier: Readings, _ signals: [any Signal.Type]) -> Readings {
        var change = Readings()
        for signal in signals { change.subtract(signal, self, earlier) }
        return change
    }

    private mutating func subtract<S: Signal>(
        _ signal: S.Type, _ later: Readings, _ earlier: Readings
    ) {
        self[signal] = later[signal].flatMap { (now: S) in
            earlier[signal].map { now.since($0) }
        }
    }

    /// What was seen of each signal, in the order given.
    package func coverage(of signals: [any Signal.Type]) -> [Coverage] {
        signals.map { signal in
            switch byName[signal.name] {
            case .success(let value):
                let gaps = value.gaps
                return Coverage(
                    signal: signal.name,
                    state: gaps.reasons.isEmpty && gaps.lost == 0 ? .ok : .degraded,
                    reason: gaps.reasons.isEmpty ? nil : gaps.reasons.joined(separator: "; "),
                    lost: gaps.lost)
            case .failure(let why):
                return Coverage(signal: signal.name, state: .missing, reason: why.reason, lost: 0)
            case nil:
                return Coverage(
                    signal: signal.name, state: .missing, reason: "not sampled", lost: 0)
            }
        }
    }
}

/// What the report says of one signal's completeness.
package struct Coverage: Equatable, Sendable, Codable {
    package enum State: String, Sendable, Codable { case ok, degraded, missing }

    package var signal: String
    package var state: State
    package var reason: String?
    /// Events that happened and were not counted where they belong.
    package var lost: UInt64

    package init(signal: String, state: State, reason: String?, lost: UInt64) {
        self.signal = signal
        self.state = state
        self.reason = reason
        self.lost = lost
    }
}

/// Running totals at one moment.
package struct Sample: Sendable {
    /// CLOCK_MONOTONIC, ns.
    package var monotonic: UInt64
    package var totals: Readings

    package init(monotonic: UInt64, totals: Readings) {
        self.monotonic = monotonic
        self.totals = totals
    }
}

/// What happened between two samples.
package struct Window: Sendable {
    /// Length, ns.
    package var nanoseconds: UInt64
    package var change: Readings

    package init(nanoseconds: UInt64, change: Readings) {
        self.nanoseconds = nanoseconds
        self.change = change
    }

    package init(from earlier: Sample, to later: Sample, of signals: [any Signal.Type]) {
        nanoseconds = growth(later.monotonic, earlier.monotonic)
        change = later.totals.since(earlier.totals, signals)
    }

    package var seconds: Double { Double(nanoseconds) / 1e9 }

    /// Events a second; 0 for an empty window.
    package func perSecond(_ count: UInt64) -> Double {
        nanoseconds > 0 ? Double(count) / seconds : 0
    }

    /// The signal's change in this window.
    package func callAsFunction<S: Signal>(_ signal: S.Type) throws(Unavailable) -> S {
        try change[signal].get()
    }
}
