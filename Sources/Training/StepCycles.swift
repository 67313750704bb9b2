import Glibc

// All limits of this file are judgement, tried on synthetic jobs: see StepsTests.

/// Cycles that are much longer or shorter than the others: more of them than this, and the period
/// is not the whole story.
private let mostOdd = 0.1
/// Deviation of a cycle's length. Where cycles vary more, groups of them would not be noticed.
private let mostJitter = 0.08
/// The error of the mean that is left.
private let mostError = 0.015
/// Above it, cycles differ in a pattern of their own: standard deviations from chance.
private let mostPattern = 4.0

/// The cycles of a rhythm one by one, told by the phase of its fundamental.
struct Cycles {
    /// Seconds.
    private let period: Double
    /// Seconds of each cycle, and those of them in which the thread wanted a CPU more than it does
    /// on average.
    private var lengths: [Double] = []
    private var busy: [Double] = []

    /// `nil` where there are too few.
    init?(of rhythm: Rhythm, period: Double) {
        self.period = period
        let marks = Self.marks(rhythm, period)
        guard marks.count >= 4 else { return nil }
        var sums = [0.0]
        for share in rhythm.shares { sums.append(sums[sums.count - 1] + share * rhythm.cell) }
        func sum(until time: Double) -> Double {
            let cell = min(max(Int(time / rhythm.cell), 0), sums.count - 2)
            let part = min(max(time / rhythm.cell - Double(cell), 0), 1)
            return sums[cell] + (sums[cell + 1] - sums[cell]) * part
        }
        for (begin, end) in zip(marks, marks.dropFirst()) {
            lengths.append(end - begin)
            busy.append(sum(until: end) - sum(until: begin) + (end - begin))
        }
    }

    /// The mean of cycles that are all alike; `nil` where they are not.
    var steadyLength: Double? {
        for values in [busy, lengths] {
            guard oddShare(values) <= mostOdd else { return nil }
            let isFlat = deviation(values) <= 0.01 * period
            guard isFlat || pattern(values) <= mostPattern else { return nil }
        }
        let kept = lengths.filter { $0 > 0.6 * period && $0 < 1.6 * period }
        let error = deviation(kept)
        guard Double(kept.count) >= 0.7 * Double(lengths.count), error < mostJitter * period,
            error < mostError * period * Double(kept.count).squareRoot()
        else { return nil }
        return kept.reduce(0, +) / Double(kept.count)
    }

    /// Share of the values that lie far from the middle one.
    private func oddShare(_ values: [Double]) -> Double {
        let middle = values.sorted()[values.count / 2]
        let away = values.map { abs($0 - middle) }
        // 1.4826 makes a median of distances a standard deviation.
        let bound = 3 * 1.4826 * away.sorted()[away.count / 2] + 0.03 * period
        return Double(away.count { $0 > bound }) / Double(values.count)
    }

    /// How sure it is that every second, third … sixteenth cycle is alike, and neighbours are not.
    private func pattern(_ values: [Double]) -> Double {
        let next = max(0, likeness(values, 1))
        let scores: [Double] = (2...16).map { group in
            let lags = Array(stride(from: group, through: values.count - 8, by: group).prefix(12))
            var sum = 0.0
            for lag in lags {
                sum += (likeness(values, lag) - next) * Double(values.count - lag).squareRoot()
            }
            return sum / max(1, Double(lags.count)).squareRoot()
        }
        return scores.max() ?? 0
    }
}

extension Cycles {
    /// Times at which cycles begin. The signal is turned back by the period, smoothed over two of
    /// them, and what phase is left is added up.
    private static func marks(_ rhythm: Rhythm, _ period: Double) -> [Double] {
        let turn = 2 * Double.pi * rhythm.cell / period
        let reach = max(1, Int((period / rhythm.cell).rounded()))
        let count = rhythm.shares.count
        guard count > 2 * reach + 2 else { return [] }
        let real = rhythm.shares.enumerated().map { $1 * cos(turn * Double($0)) }
        let imaginary = rhythm.shares.enumerated().map { -$1 * sin(turn * Double($0)) }
        let window = (-reach...reach).map {
            0.5 + 0.5 * cos(Double.pi * Double($0) / Double(reach + 1))
        }
        var marks: [Double] = []
        var (before, whole, last, next) = (0.0, 0.0, 0.0, 0.0)
        for middle in reach..<(count - reach) {
            let angle = atan2(
                weighted(imaginary, window, middle - reach), weighted(real, window, middle - reach))
            if middle > reach { whole -= ((angle - before) / (2 * .pi)).rounded() }
            before = angle
            let phase = (angle + turn * Double(middle)) / (2 * .pi) + whole
            if middle == reach { next = phase.rounded(.up) }
            while middle > reach && phase >= next {
                let part = (next - last) / max(1e-9, phase - last)
                marks.append((Double(middle) - 0.5 + part) * rhythm.cell)
                next += 1
            }
            last = phase
        }
        return marks
    }

    private static func weighted(_ values: [Double], _ window: [Double], _ start: Int) -> Double {
        let (values, window) = (values.span, window.span)
        var sum = 0.0
        for index in 0..<window.count { sum += values[start + index] * window[index] }
        return sum
    }
}

private func deviation(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count)).squareRoot()
}

/// Pearson's correlation of the values with those `lag` places later.
private func likeness(_ values: [Double], _ lag: Int) -> Double {
    let (early, late) = (values.dropLast(lag), values.dropFirst(lag))
    guard early.count > 2 else { return 0 }
    let means = (
        early.reduce(0, +) / Double(early.count), late.reduce(0, +) / Double(late.count)
    )
    let spreads = deviation(Array(early)) * deviation(Array(late))
    guard spreads > 1e-9 else { return 0 }
    let sum = zip(early, late).reduce(0.0) { $0 + ($1.0 - means.0) * ($1.1 - means.1) }
    return sum / Double(early.count) / spreads
}
