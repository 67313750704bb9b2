/// When the looks are due that lie between ticks.
struct Rhythms {
    /// The ring of ended threads holds 5,500: enough for 50,000 deaths a second at this pace.
    private static let drainMilliseconds: UInt64 = 100
    /// It varies, or the rhythm of short steps would be mistaken for that of longer ones.
    private static let stepMilliseconds: ClosedRange<UInt64> = 14...26
    /// The rhythm of steps is looked at for 20 s of two minutes: looking all the time costs a third
    /// of a percent of a CPU, and steps do not change that fast. Judgement.
    private static let burst: UInt64 = 20_000_000_000
    private static let period: UInt64 = 120_000_000_000
    /// Masks of allowed CPUs, ns.
    private static let affinity: UInt64 = 500_000_000

    private var burstAt: UInt64?
    private var affinityAt: UInt64 = 0
    /// Whether the last step look was the first of its burst.
    private(set) var beginsBurst = false

    mutating func isStepLook(_ now: UInt64) -> Bool {
        guard let begin = burstAt, now &- begin < Self.period else {
            burstAt = now
            beginsBurst = true
            return true
        }
        beginsBurst = false
        return now &- begin < Self.burst
    }

    mutating func isAffinityLook(_ now: UInt64) -> Bool {
        guard now &- affinityAt >= Self.affinity else { return false }
        affinityAt = now
        return true
    }

    func pause(_ now: UInt64, hasSteps: Bool) -> UInt64 {
        let isBurst = burstAt.map { now &- $0 < Self.burst } ?? false
        return hasSteps && isBurst
            ? UInt64.random(in: Self.stepMilliseconds) : Self.drainMilliseconds
    }
}
