/// The states that a thread's wall time is charged to: each nanosecond to exactly one.
package enum ThreadState: Int, CaseIterable, Sendable, Codable {
    case running, irq, softirq, waiting, throttled, reclaim, compaction, fault, io, blocked
    case sleeping

    /// The key in reports, such as `running`.
    package var name: String { String(describing: self) }
}

/// Nanoseconds of one thread by state.
package struct StateTimes: Equatable, Sendable {
    private var nanoseconds = InlineArray<11, UInt64>(repeating: 0)

    package init() {}

    package init(_ times: [ThreadState: UInt64]) {
        for (state, time) in times { self[state] = time }
    }

    package subscript(_ state: ThreadState) -> UInt64 {
        get { nanoseconds[state.rawValue] }
        set { nanoseconds[state.rawValue] = newValue }
    }

    /// All states together: the wall time that was accounted for, ns.
    package var total: UInt64 {
        var sum: UInt64 = 0
        for index in nanoseconds.indices { sum &+= nanoseconds[index] }
        return sum
    }

    /// The change since an earlier reading. The state that still went on at that time may since
    /// have turned out to be another; what it had too much is taken off the largest, so that
    /// the sum stays the time that passed.
    package func since(_ earlier: StateTimes) -> StateTimes {
        var change = StateTimes()
        var excess: UInt64 = 0
        var largest = 0
        for index in nanoseconds.indices {
            let (now, then) = (nanoseconds[index], earlier.nanoseconds[index])
            change.nanoseconds[index] = growth(now, then)
            excess += growth(then, now)
            if change.nanoseconds[index] > change.nanoseconds[largest] { largest = index }
        }
        change.nanoseconds[largest] = growth(change.nanoseconds[largest], excess)
        return change
    }

    package static func + (left: StateTimes, right: StateTimes) -> StateTimes {
        var sum = StateTimes()
        for state in ThreadState.allCases { sum[state] = left[state] &+ right[state] }
        return sum
    }

    package static func == (left: StateTimes, right: StateTimes) -> Bool {
        ThreadState.allCases.allSatisfy { left[$0] == right[$0] }
    }
}

extension StateTimes: Codable {
    package init(from decoder: any Decoder) throws {
        self.init()
        var states = try decoder.unkeyedContainer()
        for index in nanoseconds.indices { nanoseconds[index] = try states.decode(UInt64.self) }
    }

    package func encode(to encoder: any Encoder) throws {
        var states = encoder.unkeyedContainer()
        for index in nanoseconds.indices { try states.encode(nanoseconds[index]) }
    }
}
