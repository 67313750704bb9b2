/// What a response does around events, averaged over all of them.
package struct EpochEffect: Sendable, Equatable {
    /// Mean of the samples from an event on, less the mean of those before it.
    package var difference: Double
    /// Events with enough samples on both sides.
    package var events: Int
    /// Chance of a rise as high as this at as many moments drawn by lot.
    package var p: Double
}

/// Fewer events are anecdotes: judgement.
private let fewestEvents = 3

/// Superposed epochs: for each event the mean of `width` samples from it on, less the mean of the
/// `width` samples before it. p comes from event times drawn by lot. Nil with fewer than three
/// usable events, too short or constant series, or values that are not finite.
package func superposedEpochs(
    _ response: [Double], events: [Int], width: Int = 5, permutations: Int = 1_000,
    using generator: inout SeededGenerator
) -> EpochEffect? {
    guard width > 0, permutations > 0, response.allSatisfy(\.isFinite), let first = response.first,
        response.contains(where: { $0 != first }), response.count / 2 > width
    else { return nil }
    let places = width..<(response.count - width + 1)
    let usable = Set(events).filter { places.contains($0) }
    guard usable.count >= fewestEvents, usable.count < places.count else { return nil }
    let sums = response.reduce(into: [0.0]) { $0.append(($0.last ?? 0) + $1) }
    let rises = places.map {
        (sums[$0 + width] - 2 * sums[$0] + sums[$0 - width]) / Double(width)
    }
    let found = usable.sorted().reduce(0) { $0 + rises[$1 - width] }
    var asHigh = 0
    var deck = rises
    for _ in 0..<permutations {
        var sum = 0.0
        for card in 0..<usable.count {
            deck.swapAt(card, Int.random(in: card..<deck.count, using: &generator))
            sum += deck[card]
        }
        if sum >= found - 1e-12 { asHigh += 1 }
    }
    return EpochEffect(
        difference: found / Double(usable.count), events: usable.count,
        p: Double(1 + asHigh) / Double(1 + permutations))
}
