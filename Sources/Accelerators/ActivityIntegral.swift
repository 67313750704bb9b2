import Host

/// Adds the driver's utilisation figures up to running totals, so that differences are exact.
struct ActivityIntegral {
    private(set) var active: UInt64 = 0
    private(set) var observed: UInt64 = 0
    private(set) var source: GPUActivity.Source?
    /// Of the newest sample, in the ring's own clock; 0 before the first.
    private(set) var newest: UInt64 = 0
    /// The ring said nothing since then: the next sample stands for no known time.
    private var isBroken = true

    struct Sample: Equatable {
        var microseconds: UInt64
        var percent: Double
    }

    /// Samples come five times a second; one after a longer silence is no mean of that silence.
    private static let longestStep: UInt64 = 2_000_000

    /// Each sample is the mean since the one before. False when no time could be covered.
    mutating func add(_ samples: [Sample]) -> Bool {
        var isCovered = false
        for sample in samples.sorted(by: { $0.microseconds < $1.microseconds }) {
            guard sample.microseconds > newest else { continue }
            let step = sample.microseconds - newest
            if !isBroken && step <= Self.longestStep {
                add(percent: sample.percent, over: step &* 1_000, as: .samples)
                isCovered = true
            }
            newest = sample.microseconds
            isBroken = false
        }
        return isCovered
    }

    /// Where the ring is empty or there is none.
    mutating func add(percent: Double, over nanoseconds: UInt64, as source: GPUActivity.Source) {
        guard percent.isFinite else { return }
        active &+= part(percent / 100, of: nanoseconds)
        observed &+= nanoseconds
        self.source = source
        if source != .samples { isBroken = true }
    }

    /// Starts counting with what comes after these samples: they are from before Stoker looked.
    mutating func begin(after samples: [Sample]) {
        newest = samples.map(\.microseconds).max() ?? 0
        isBroken = samples.isEmpty
    }
}

/// `share` of that time, which is bounded to none and all of it.
func part(_ share: Double, of nanoseconds: UInt64) -> UInt64 {
    if share >= 1 { return nanoseconds }
    return share > 0 ? UInt64(share * Double(nanoseconds)) : 0
}

/// A counter that wraps, or that starts anew, as a total that only grows.
struct Unwrapped {
    private(set) var total: UInt64 = 0
    private var last: UInt64?

    /// `bits` is the counter's width. A wide one that fell has started anew.
    mutating func add(_ value: UInt64, bits: Int) -> UInt64 {
        if let last {
            if value >= last {
                total &+= value - last
            } else if bits == 32 {
                total &+= UInt64(UInt32(truncatingIfNeeded: value &- last))
            }
        }
        last = value
        return total
    }
}
