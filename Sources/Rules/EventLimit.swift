import Signals

/// A number of events in some time. What was looked at is mostly shorter or longer than that time:
/// the limit is scaled to it, and one event alone is no rate unless it is grave by itself.
struct EventLimit: Sendable {
    var limit: Limit
    var seconds: Double
    var fewest: UInt64

    /// Judgement: two events of a short look may be chance.
    static let fewestForRate: UInt64 = 3

    init(
        _ count: Double, per seconds: Double, fewest: UInt64 = fewestForRate, source: String
    ) {
        limit = Limit(count, Self.unit(seconds), source: source)
        self.seconds = seconds
        self.fewest = fewest
    }

    func isReached(by count: UInt64, in window: Window) -> Bool {
        count >= fewest && limit.isReached(by: rate(count, window))
    }

    func evidence(_ name: String, _ count: UInt64, in window: Window) -> Evidence {
        limit.evidence(name, rate(count, window))
    }

    private func rate(_ count: UInt64, _ window: Window) -> Double {
        window.perSecond(count) * seconds
    }

    private static func unit(_ seconds: Double) -> String {
        switch seconds {
        case 1: "1/s"
        case 60: "1/min"
        case 3_600: "1/h"
        default: "1/day"
        }
    }

    static let minute = 60.0
    static let hour = 3_600.0
    static let day = 86_400.0
}
