/// How surely a loss is tied to what is said to have caused it: KNOWLEDGE B0.6.
package enum Confidence: String, Sendable {
    /// GPUs whose rank lost time idled more than others in the same seconds.
    case measured
    /// One GPU only, or all idled alike: it came and went together with the lost time, or no
    /// more is known than that the one could have caused the other.
    case associated
}

/// Idle time of one GPU that a cause explains.
package struct Explained: Sendable, Equatable {
    package var label: Label
    /// The GPU whose rank lost the time: another one where all wait for a late rank.
    package var rankOf: String
    /// Idle GPU time, ns.
    package var nanoseconds: Double
    package var confidence: Confidence
    /// No time without the loss was seen: the figure is the most that it can have cost.
    package var isBound: Bool
    /// Windows by which the idling came after the lost time, where an order can be told.
    package var lag: Int?
}

/// The most that a cause can have cost which is not among those that explain a loss, ns.
package struct Bound: Sendable, Equatable {
    package var label: Label
    package var nanoseconds: Double
}

/// Idle time that no lost time on this host explains, ns.
package struct Rest: Sendable, Equatable {
    /// It, or a GPU that it waits for, was held back.
    package var gpu = 0.0
    package var fabric = 0.0
    /// The launch thread was on its CPU all the while.
    package var program = 0.0
    package var unknown = 0.0

    package var total: Double { gpu + fabric + program + unknown }
}

/// Where the idle time of one GPU went: idle = usual + loss, and loss = explained + rest.
package struct GPUAttribution: Sendable {
    package var gpu: String
    /// Time with known idle share, outside of excluded windows, ns.
    package var looked: Double
    /// ns of it that the GPU idled.
    package var idle: Double
    /// Idle ns above what the program shows by itself.
    package var loss: Double
    /// The dearest first; never more than the loss together.
    package var explained: [Explained]
    package var rest: Rest
    package var bounds: [Bound]
    /// Usual idle ns in which the launch thread was on its CPU all the while: no loss against
    /// other times or GPUs, but the program's own doing.
    package var usualOnCPU: Double
}

/// What matters, and what can be told from chance.
enum Matter {
    /// KNOWLEDGE B0.5: less of the GPU's time is not worth a change.
    static let claim = 0.005
    /// Without any contrast more is asked: clean hosts lose up to 1.2 % (KNOWLEDGE 0.1), and
    /// it must not be all of what is claimed. Judgement.
    static let bound = 0.02
    /// One part of the usual dose of hit windows: below, a window is clean, and what it still
    /// has makes a claim too small by that part. Judgement.
    static let cleanPart = 0.2
    /// A dose of 0.2 % of a window is none. Judgement.
    static let cleanFloor = 0.002
    /// Share of the windows that must be clean to stand for the program by itself: judgement.
    static let cleanWindows = 0.15
    /// KNOWLEDGE B0.4: false discoveries among all that is tested.
    static let falseDiscoveries = 0.05
    /// GPUs of one job that do the same differ by this much at least: judgement.
    static let leastSpread = 0.005
    /// Peers whose spread says how far GPUs differ by themselves: judgement.
    static let fewestPeers = 3
    /// A launch thread that runs, or wants to, for this share of a window has no time to wait.
    static let allTheWhile = 0.8
}
