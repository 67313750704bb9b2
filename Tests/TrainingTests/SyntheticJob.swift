import Foundation
import Training

/// A number generator that gives the same numbers for the same seed.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// 0 to 1.
    mutating func unit() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
    mutating func exponential() -> Double { -log(max(1e-12, unit())) }
    mutating func normal() -> Double {
        (2 * exponential()).squareRoot() * cos(2 * .pi * unit())
    }
}

/// A thread that runs and sleeps, in seconds, and how the kernel's counters show it.
struct SyntheticJob {
    private(set) var busy: [(begin: Double, end: Double)] = []
    private(set) var waits: [(begin: Double, end: Double)] = []
    private(set) var time: Double
    var dice: Dice

    /// Begins somewhere in a step of `period`.
    init(seed: Int, period: Double = 0) {
        dice = Dice(seed)
        time = -period * dice.unit()
    }

    mutating func run(_ seconds: Double) {
        busy.append((time, time + seconds))
        time += seconds
    }

    /// Ready, and without a CPU: told by the kernel when it is over.
    mutating func wait(_ seconds: Double) {
        waits.append((time, time + seconds))
        time += seconds
    }

    mutating func rest(_ seconds: Double) { time += seconds }

    /// `mean` with a normal deviation of `jitter`.
    mutating func varied(_ mean: Double, _ jitter: Double) -> Double {
        mean * max(0.3, 1 + jitter * dice.normal())
    }

    mutating func step(_ period: Double, duty: Double, jitter: Double) {
        let length = varied(period, jitter)
        run(length * duty)
        rest(length * (1 - duty))
    }

    /// What is read when it is looked at about every 20 ms: a running thread's time as of the last
    /// tick, and now and then a look that comes late.
    mutating func series(_ seconds: Double, tick: Double) -> StepSeries {
        var series = StepSeries()
        var (now, next, sum) = (0.0, 0, 0.0)
        var (nextWait, waited) = (0, 0.0)
        while now < seconds {
            while next < busy.count && busy[next].end <= now {
                sum += busy[next].end - busy[next].begin
                next += 1
            }
            var seen = sum
            if next < busy.count && busy[next].begin < now {
                let last = (now / tick).rounded(.down) * tick
                seen += max(busy[next].begin, last) - busy[next].begin
            }
            while nextWait < waits.count && waits[nextWait].end <= now {
                waited += waits[nextWait].end - waits[nextWait].begin
                nextWait += 1
            }
            series.add(
                at: 7_000_000_000_000 + UInt64(now * 1e9),
                running: 31_000_000 + UInt64(seen * 1e9), waiting: UInt64(waited * 1e9))
            now += 0.014 + 0.012 * dice.unit() + (dice.unit() < 0.01 ? 0.015 * dice.unit() : 0)
        }
        return series
    }
}
