/// An order is claimed only if it is as sure as this, and fits that much better: judgement.
private let sureOfOrder = 0.01
private let betterFit = 0.1
/// How far an effect may come after its cause: KNOWLEDGE B0.4.
private let longestLagNanoseconds = 5e9

extension Rank {
    /// Doses moved to where their effect shows: batches that were loaded ahead delay it. A dose
    /// that only follows the idling cannot have caused it and is taken out.
    mutating func align(
        windowNanoseconds: Double, using generator: inout SeededGenerator
    ) {
        let places = known
        let reach = windowNanoseconds > 0 ? longestLagNanoseconds / windowNanoseconds : 0
        let lags = min(Int(min(max(reach, 5), 25)), (places.count - 1) / 6)
        guard lags >= LagCorrelation.leastClaimed else { return }
        let response = places.map { idle[$0] }
        // One dose may fall while another rises: only where all together come at another time
        // than the idling is there an order to look for.
        guard order(places.map { lost[$0] }, response, lags, &generator) != nil else { return }
        for index in doses.indices {
            let dose = places.map { doses[index].lost[$0] }
            guard let share = mean(dose), share >= Matter.claim,
                let lag = order(dose, response, lags, &generator)
            else { continue }
            move(index, by: lag)
        }
        addUp()
    }

    private mutating func move(_ index: Int, by lag: Int) {
        let lost = doses[index].lost
        doses[index].lag = lag > 0 ? lag : nil
        doses[index].lost = lost.indices.map { lag > 0 ? lost.value(at: $0 - lag) ?? 0 : 0 }
    }
}

/// The lag of the response where the two surely do not coincide.
private func order(
    _ dose: [Double], _ response: [Double], _ lags: Int, _ generator: inout SeededGenerator
) -> Int? {
    guard
        let found = lagSearch(dose: dose, response: response, lags: lags, using: &generator),
        found.hasOrder, found.p <= sureOfOrder,
        found.correlation > (spearman(dose, response) ?? 0) + betterFit
    else { return nil }
    return found.lag
}
