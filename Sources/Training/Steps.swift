/// Counters of one thread over time: when it was looked at, and how long it had then run or waited
/// for a CPU, both in ns.
package struct StepSeries: Sendable, Equatable {
    package private(set) var times: [UInt64] = []
    package private(set) var running: [UInt64] = []
    package private(set) var waiting: [UInt64] = []

    /// Looks that are kept, the latest: 41 s at one every 20 ms.
    package static let mostLooks = 2_048

    package init() {}

    package mutating func add(at time: UInt64, running: UInt64, waiting: UInt64) {
        if times.count >= Self.mostLooks * 2 {
            times.removeFirst(Self.mostLooks)
            self.running.removeFirst(Self.mostLooks)
            self.waiting.removeFirst(Self.mostLooks)
        }
        times.append(time)
        self.running.append(running)
        self.waiting.append(waiting)
    }

    /// The time of a step that the rhythm of the thread tells; `nil` where it is not clear.
    package var stepMilliseconds: Double? {
        let busy = zip(running, waiting).map { $0 &+ $1 }
        return cells(of: busy).flatMap { Rhythm($0).period }.map { $0 * 1_000 }
    }

    /// Whether the thread is kept from its CPU in bouts, by a quota or by a neighbour with a rhythm
    /// of its own: what the program does then follows that rhythm, in this thread and in all that
    /// wait for it. Who only shares a CPU takes turns that are much shorter.
    package var isHeldUpInBouts: Bool {
        guard let waited = cells(of: waiting) else { return false }
        var (inBouts, length) = (0, 0)
        for share in waited.shares + [0] {
            if share >= fullyHeldUp {
                length += 1
            } else {
                if Double(length) * waited.length >= longestTurn { inBouts += length }
                length = 0
            }
        }
        return Double(inBouts) >= leastHeldUp * Double(waited.shares.count)
    }

    private func cells(of sums: [UInt64]) -> Cells? {
        Cells(at: Array(times.suffix(Self.mostLooks)), of: Array(sums.suffix(Self.mostLooks)))
    }
}

/// The steps of ranks that train together take the same time: what most of them agree on within
/// 5 % holds for those, and nothing is known of the others. `nil` for each that is not clear.
package func agreedSteps(_ steps: [Int32: Double]) -> [Int32: Double] {
    guard steps.count > 1 else { return steps }
    let sorted = steps.values.sorted()
    let middle = sorted[sorted.count / 2]
    let agreeing = steps.filter { abs($0.value - middle) <= 0.05 * middle }
    return agreeing.count * 2 > steps.count ? agreeing : [:]
}

// All limits of this file are judgement, tried on synthetic jobs: see StepsTests.

/// Fewer looks tell nothing.
private let leastLooks = 64
/// Periods that must fit into the time.
private let leastPeriods = 5.0
/// Seconds: three looks. Shorter steps cannot be told from their multiples.
private let shortestStep = 0.058
/// Where the share of its time that a thread wants a CPU hardly changes there is no rhythm.
private let leastDeviation = 0.03
/// Share of its time that a thread must be held up before that could set its pace.
private let leastHeldUp = 0.02
/// Share of a cell that counts as all of it: the ends of a wait are known to a tick.
private let fullyHeldUp = 0.8
/// Seconds. The scheduler lets a thread wait for some turns of a few ms where a CPU is shared.
private let longestTurn = 0.025

/// What grew in a thread's counter, in cells of equal length.
private struct Cells {
    /// Seconds.
    let length: Double
    /// Share of each cell.
    let shares: [Double]

    /// `nil` where the looks are few or run backwards.
    init?(at times: [UInt64], of sums: [UInt64]) {
        let count = min(times.count, sums.count)
        guard count >= leastLooks, let start = times.first, let first = sums.first else {
            return nil
        }
        var at: [Double] = []
        var grown: [Double] = []
        for (time, sum) in zip(times, sums) {
            guard time >= start, sum >= first else { return nil }
            at.append(Double(time - start) / 1e9)
            grown.append(Double(sum - first) / 1e9)
            guard at.count < 2 || at[at.count - 1] > at[at.count - 2] else { return nil }
        }
        // The kernel notes time at ticks and waits at their end: it was wanted before the look.
        for index in (1..<count).reversed() {
            let least = grown[index] - (at[index] - at[index - 1])
            grown[index - 1] = max(grown[index - 1], least)
        }
        // Half the distance of two looks, whose jitter tells what happens between them.
        let cells = 2 * (count - 1)
        length = at[count - 1] / Double(cells)
        guard length >= 0.001, length <= 0.5 else { return nil }
        shares = Self.shares(at, grown, cells, of: length)
    }

    /// The shares less their mean, and their mean square.
    var centred: (values: [Double], variance: Double) {
        let mean = shares.reduce(0, +) / Double(shares.count)
        let values = shares.map { $0 - mean }
        return (values, values.reduce(0) { $0 + $1 * $1 } / Double(values.count))
    }

    private static func shares(
        _ at: [Double], _ grown: [Double], _ cells: Int, of cell: Double
    ) -> [Double] {
        var place = 0
        var before = 0.0
        return (1...cells).map { index in
            let time = Double(index) * cell
            while place < at.count - 2 && at[place + 1] < time { place += 1 }
            let part = min(max((time - at[place]) / (at[place + 1] - at[place]), 0), 1)
            let now = grown[place] + (grown[place + 1] - grown[place]) * part
            defer { before = now }
            return min(max((now - before) / cell, 0), 1)
        }
    }
}

/// How the wish of a thread for a CPU comes and goes, in cells of equal length.
struct Rhythm {
    /// Seconds.
    let cell: Double
    /// Share of each cell in which the thread ran or wanted to, less their mean.
    let shares: [Double]
    /// Mean square of `shares`.
    private let variance: Double

    /// A place where the curve of likeness has a peak.
    struct Peak {
        /// Seconds.
        var period: Double
        /// 1: the signal is the same one period later.
        var height: Double
    }

    fileprivate init(_ cells: Cells) {
        cell = cells.length
        (shares, variance) = cells.centred
    }

    /// Seconds.
    var length: Double { cell * Double(shares.count) }

    /// The one clear period, in seconds.
    var period: Double? {
        guard variance >= leastDeviation * leastDeviation else { return nil }
        let peaks = peaks
        guard let first = clearest(of: peaks) else { return nil }
        let multiples = period(of: first, from: peaks)
        guard let tracked = Cycles(of: self, period: first.period)?.steadyLength else { return nil }
        // Two ways to measure it must agree.
        guard abs(multiples - tracked) < 0.04 * tracked else { return nil }
        let mean = (multiples + tracked) / 2
        return mean >= shortestStep ? mean : nil
    }

    /// Peaks of the autocorrelation, the shortest period first, placed between the cells.
    private var peaks: [Peak] {
        let most = min(Int(length / cell / leastPeriods) + 2, shares.count / 2)
        guard most > 4 else { return [] }
        let curve = (0...most).map { likeness($0) }
        return (2..<most).compactMap { lag in
            let (left, here, right) = (curve[lag - 1], curve[lag], curve[lag + 1])
            guard here > left, here >= right else { return nil }
            // The vertex of the parabola through the three.
            let shift = 0.5 * (left - right) / (left - 2 * here + right)
            return Peak(
                period: (Double(lag) + shift) * cell, height: here - 0.25 * (left - right) * shift)
        }
    }

    private func likeness(_ lag: Int) -> Double {
        let shares = shares.span
        let count = shares.count - lag
        var sum = 0.0
        for index in 0..<count { sum += shares[index] * shares[index + lag] }
        return sum / Double(count) / variance
    }
}

extension Rhythm {
    /// The shortest period that is nearly as clear as the clearest; `nil` where others rival it, or
    /// where chance would do as well.
    private func clearest(of peaks: [Peak]) -> Peak? {
        let highest = peaks.map(\.height).max() ?? 0
        guard let first = peaks.first(where: { $0.height >= 0.85 * highest }) else { return nil }
        let count = length / first.period
        guard count >= leastPeriods else { return nil }
        // Likeness of random bursts falls with the root of their number.
        guard first.height >= max(0.4, min(0.88, 2.2 / count.squareRoot())) else { return nil }
        // Parts of a step (gradient accumulation) are alike, too, but less; the more so the less
        // alike the steps are.
        let gap = min(0.3, max(0.2, 1.5 * (1 - first.height) + 0.05))
        let hasRival = peaks.contains { peak in
            peak.period < 0.8 * first.period && peak.height > first.height - gap
                || peak.period > 1.2 * first.period && peak.height > first.height + 0.1
        }
        return hasRival || revives(after: first, in: peaks) ? nil : first
    }

    /// Whether a multiple of the period is clearer than a shorter one: then the signal repeats in
    /// groups. Without groups clearness only falls.
    private func revives(after first: Peak, in peaks: [Peak]) -> Bool {
        var lowest = first.height
        for count in 2...16 {
            guard
                let peak = highest(
                    of: peaks, at: Double(count) * first.period, within: 0.5 * first.period)
            else { continue }
            if peak.height > lowest + 0.15 { return true }
            lowest = min(lowest, peak.height)
        }
        return false
    }

    /// The period that suits the peaks at its first multiples best.
    private func period(of first: Peak, from peaks: [Peak]) -> Double {
        var period = first.period
        var (above, below) = (0.0, 0.0)
        for count in (1...8).map(Double.init) {
            let peak = highest(of: peaks, at: count * period, within: 0.15 * period)
            guard let peak, peak.height > 0.5 * first.height else { break }
            above += peak.height * peak.period * count
            below += peak.height * count * count
            period = above / below
        }
        return period
    }

    private func highest(of peaks: [Peak], at period: Double, within reach: Double) -> Peak? {
        peaks.filter { abs($0.period - period) < reach }.max { $0.height < $1.height }
    }
}
