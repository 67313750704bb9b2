/// How far a response follows a dose, and how surely.
package struct LagCorrelation: Sendable, Equatable {
    /// Samples by which the response comes after the dose; negative: before it.
    package var lag: Int
    /// Spearman's correlation at that lag.
    package var correlation: Double
    /// Chance of a correlation as high as this at any of the lags if the two had nothing to do
    /// with each other.
    package var p: Double

    /// A trailing average of a second hides smaller lags: KNOWLEDGE B0.1.
    static let leastClaimed = 2
    /// Which came first can be said; otherwise the two coincide as far as anybody can see.
    package var hasOrder: Bool { abs(lag) >= LagCorrelation.leastClaimed }
}

/// Fewer samples have too few circular shifts for p to come below 0.05.
private let fewestSamples = 20
/// A series is turned in at most four pieces of at least 30 samples: judgement.
private let mostPieces = 4
private let samplesInPiece = 30

/// The lag of -`lags` to +`lags` samples at which `response` rises most clearly with `dose`.
///
/// Each of up to four pieces of the series is taken as a circle and turned by lot: that keeps the
/// autocorrelation and breaks what ties the two. p is the share of `turns` such shifts whose best
/// lag does as well. One circle would not do: the few shifts that two minutes of samples have are
/// mostly neighbours of the same peak. Nil for short, constant, unequal or not finite series.
package func lagSearch(
    dose: [Double], response: [Double], lags: Int = 5, turns: Int = 1_000,
    using generator: inout SeededGenerator
) -> LagCorrelation? {
    let count = dose.count
    guard count == response.count, turns > 0, count >= fewestSamples, lags >= 0,
        lags < count / 5, let x = standardRanks(dose), let y = standardRanks(response)
    else { return nil }
    let pieces = min(mostPieces, max(1, count / samplesInPiece))
    let circles = (0..<pieces).map { piece in
        let part = (piece * count / pieces)..<((piece + 1) * count / pieces)
        return circularProducts(Array(x[part]), Array(y[part]), beyond: lags)
    }
    let lagged = (-lags...lags).sorted { abs($0) < abs($1) }
    func best(turnedBy turns: [Int]) -> (correlation: Double, place: Int) {
        var best = (correlation: -Double.infinity, place: 0)
        for (place, lag) in lagged.enumerated() {
            var sum = 0.0
            for (circle, turn) in zip(circles, turns) { sum += circle[turn + lag + lags] }
            if sum > best.correlation { best = (sum, place) }
        }
        return best
    }
    let found = best(turnedBy: circles.map { _ in 0 })
    var asHigh = 0
    for _ in 0..<turns {
        let turned = circles.map { Int.random(in: 0..<($0.count - 2 * lags), using: &generator) }
        // Equal sums differ in the last bits with the order of their terms.
        if best(turnedBy: turned).correlation >= found.correlation - 1e-12 { asHigh += 1 }
    }
    let lag = lagged[found.place]
    let correlation = spearman(
        Array(lag > 0 ? dose.dropLast(lag) : dose.dropFirst(-lag)),
        Array(lag > 0 ? response.dropFirst(lag) : response.dropLast(-lag)))
    return LagCorrelation(
        lag: lag, correlation: correlation ?? found.correlation,
        p: Double(1 + asHigh) / Double(1 + turns))
}

/// The sum over i of x[i] y[i + turn] on a circle, for the turns -`margin` to count + `margin`.
private func circularProducts(_ x: [Double], _ y: [Double], beyond margin: Int) -> [Double] {
    let count = x.count
    let twice = y + y
    let once = (0..<count).map { turn in
        var sums = SIMD4<Double>()
        var place = 0
        while place + 4 <= count {
            let from = turn + place
            sums.addProduct(
                SIMD4(x[place], x[place + 1], x[place + 2], x[place + 3]),
                SIMD4(twice[from], twice[from + 1], twice[from + 2], twice[from + 3]))
            place += 4
        }
        return (place..<count).reduce(sums.sum()) { $0 + x[$1] * twice[turn + $1] }
    }
    return (-margin..<(count + margin)).map { once[($0 + count) % count] }
}
