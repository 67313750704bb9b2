/// A line that a few outliers cannot bend.
package struct TheilSenLine: Sendable, Equatable {
    /// Response per unit of dose: the median of the slopes of all pairs of points.
    package var slope: Double
    /// Median response less slope times median dose.
    package var intercept: Double
    /// 95 of 100 bootstrap samples have their slope in it.
    package var interval: ClosedRange<Double>
}

/// Pairs of points beyond which a slope is taken from pairs drawn by lot: 200 windows in full.
private let mostPairs = 20_000
/// Pairs drawn in each bootstrap sample: their median is off by about 1/40 of the slopes' spread.
private let bootstrapPairs = 500

/// Theil and Sen's slope with an interval from `samples` bootstrap samples. Neighbouring points
/// are drawn in blocks of `block`, which keeps their autocorrelation. Nil for fewer than five
/// points, unequal lengths, a dose without variation, or values that are not finite.
package func theilSen(
    dose: [Double], response: [Double], samples: Int = 200, block: Int = 1,
    using generator: inout SeededGenerator
) -> TheilSenLine? {
    let count = dose.count
    guard count == response.count, count >= 5, samples >= 20, block >= 1, block <= count,
        response.allSatisfy(\.isFinite), let doseMedian = median(dose),
        let responseMedian = median(response),
        let slope = slope(dose, response, Array(dose.indices), mostPairs, &generator)
    else { return nil }
    var slopes: [Double] = []
    for _ in 0..<samples {
        var points: [Int] = []
        while points.count < count {
            let first = Int.random(in: 0...(count - block), using: &generator)
            points.append(contentsOf: (first..<(first + block)).prefix(count - points.count))
        }
        if let one = Correlation.slope(dose, response, points, bootstrapPairs, &generator) {
            slopes.append(one)
        }
    }
    guard slopes.count * 2 > samples, let low = quantile(0.025, of: slopes),
        let high = quantile(0.975, of: slopes)
    else { return nil }
    return TheilSenLine(
        slope: slope, intercept: responseMedian - slope * doseMedian,
        interval: min(low, slope)...max(high, slope))
}

/// The median slope of all pairs of `points`, or of `limit` pairs drawn by lot.
private func slope(
    _ x: [Double], _ y: [Double], _ points: [Int], _ limit: Int,
    _ generator: inout SeededGenerator
) -> Double? {
    var slopes: [Double] = []
    func add(_ one: Int, _ other: Int) {
        let run = x[other] - x[one]
        if run != 0 { slopes.append((y[other] - y[one]) / run) }
    }
    if points.count * (points.count - 1) / 2 <= limit {
        for (place, one) in points.enumerated() {
            for other in points[(place + 1)...] { add(one, other) }
        }
    } else {
        for _ in 0..<limit {
            add(
                points[Int.random(in: 0..<points.count, using: &generator)],
                points[Int.random(in: 0..<points.count, using: &generator)])
        }
    }
    slopes.removeAll { !$0.isFinite }
    return finiteMedian(&slopes)
}
