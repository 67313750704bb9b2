package import Signals

/// Something that the daemon can do without for a while. The ledger itself is never among it.
package enum Luxury: Hashable, Sendable, CaseIterable {
    /// The rhythm of launch threads, looked at every 20 ms.
    case steps
    /// Allowed CPUs of the busiest threads.
    case affinity
    /// Rules are evaluated every tick; without, every few.
    case everyTick
    case probe(ProbePart)

    /// In this order where nobody measures what they cost.
    package static var allCases: [Luxury] {
        [.steps, .affinity, .everyTick] + ProbePart.allCases.map { .probe($0) }
    }

    package var name: String {
        switch self {
        case .steps: "steps"
        case .affinity: "affinity"
        case .everyTick: "every-tick"
        case .probe(let part): part.rawValue
        }
    }
}

/// Keeps what the daemon costs below a share of the host's CPU time: the dearest luxury goes first,
/// and comes back when there is room for it.
package struct OverheadBudget: Sendable {
    /// Ticks over which cost is averaged, so that one start of a job does no harm. Judgement.
    private static let memory = 10.0
    /// Ticks for which nothing changes after a change, for it to show. Judgement.
    private static let patience = 15
    /// A luxury comes back when the sum stays below this part of the budget. Judgement.
    private static let comfort = 0.8

    /// Share of the host's CPU time, 0 to 1.
    package var ratio: Double
    /// Share that is used now, averaged.
    package private(set) var used = 0.0
    /// What is left out now, with what it cost when it went; the last one went last.
    package private(set) var leftOut: [(luxury: Luxury, cost: Double)] = []
    private var quiet = 0

    package init(ratio: Double) { self.ratio = ratio }

    /// Over the budget with nothing left to leave out.
    package var isExhausted: Bool { used > ratio && leftOut.count == Luxury.allCases.count }

    package enum Decision: Equatable, Sendable {
        case none
        case leaveOut(Luxury)
        case takeIn(Luxury)
    }

    /// `share`: of the host's CPU time, used in the last tick by all there is. `costs`: the part of
    /// it that each luxury had, as far as that is known.
    package mutating func judge(share: Double, costs: [Luxury: Double]) -> Decision {
        used += (share - used) / Self.memory
        quiet += 1
        guard quiet >= Self.patience else { return .none }
        if used > ratio { return leaveOutDearest(costs) }
        guard let last = leftOut.last, used + last.cost < ratio * Self.comfort else { return .none }
        leftOut.removeLast()
        quiet = 0
        return .takeIn(last.luxury)
    }

    private mutating func leaveOutDearest(_ costs: [Luxury: Double]) -> Decision {
        let present = Luxury.allCases.filter { luxury in
            !leftOut.contains { $0.luxury == luxury }
        }
        guard let dearest = present.max(by: { costs[$0] ?? 0 < costs[$1] ?? 0 }) else {
            return .none
        }
        leftOut.append((dearest, costs[dearest] ?? 0))
        quiet = 0
        return .leaveOut(dearest)
    }
}
