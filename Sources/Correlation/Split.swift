/// One thing that a loss is divided among.
struct Part {
    var label: Label
    var rankOf: String
    var lag: Int?
    /// Share of each window lost to it.
    var lost: [Double]
}

/// How far the effect of one dose may differ from that of another: judgement.
private let effectSpread = 0.3
/// Rounds after which the effects have settled.
private let rounds = 60

/// How much of `total` ns each part explains. All parts are taken to cost alike per lost
/// nanosecond, except where the windows show otherwise (least squares, drawn towards the common
/// effect as far as the noise leaves it open). Never negative, never more than was lost to a part,
/// and in sum at most `total`.
func split(
    _ total: Double, among parts: [Part], response: [Double], hits: [Bool], lengths: [Double]
) -> [Double] {
    let sums = parts.map { part in
        part.lost.indices.reduce(0) { $0 + (hits[$1] ? part.lost[$1] * lengths[$1] : 0) }
    }
    let sum = sums.reduce(0, +)
    guard sum > 0 else { return sums.map { _ in 0 } }
    let common = min(total / sum, 1)
    let places = response.indices.filter { !response[$0].isNaN }
    guard parts.count > 1, places.count >= fewestOnEitherSide else {
        return sums.map { $0 * common }
    }
    let doses = parts.map { centred(smooth(places.map(at: $0.lost))) }
    let effects = effects(
        of: doses, on: centred(smooth(places.map(at: response))), common: common)
    return share(total, by: zip(effects, sums).map(*), limits: sums)
}

/// `total` in proportion to `weights`, where no part exceeds its limit.
private func share(_ total: Double, by weights: [Double], limits: [Double]) -> [Double] {
    var amounts = weights
    for _ in weights {
        let full = amounts.indices.filter { amounts[$0] >= limits[$0] }
        let open = amounts.indices.filter { amounts[$0] < limits[$0] }
        let left = total - full.reduce(0) { $0 + limits[$1] }
        let sum = open.reduce(0) { $0 + weights[$1] }
        for place in full { amounts[place] = limits[place] }
        guard sum > 0, left > 0 else {
            for place in open { amounts[place] = 0 }
            break
        }
        for place in open { amounts[place] = min(weights[place] / sum * left, limits[place]) }
    }
    return amounts
}

extension Array where Element == Int {
    fileprivate func map(at values: [Double]) -> [Double] { map { values[$0] } }
}

private func centred(_ values: [Double]) -> [Double] {
    let middle = mean(values) ?? 0
    return values.map { $0 - middle }
}

/// Idle time per unit of each dose, 0 to 1.
private func effects(
    of doses: [[Double]], on response: [Double], common: Double
) -> [Double] {
    let both = doses.map { dose in doses.map { product(dose, $0) } }
    let with = doses.map { product($0, response) }
    var left = response
    for dose in doses { for place in left.indices { left[place] -= common * dose[place] } }
    // Smoothed neighbours share two thirds: a third of the samples counts.
    let noise = 3 * product(left, left) / Double(max(response.count, 1))
    let pull = max(noise / (effectSpread * effectSpread), 1e-12)
    var effects = doses.map { _ in common }
    for _ in 0..<rounds {
        for one in doses.indices {
            let rest = doses.indices.reduce(0) {
                $0 + ($1 == one ? 0 : both[one][$1] * effects[$1])
            }
            let best = (with[one] - rest + pull * common) / (both[one][one] + pull)
            effects[one] = min(max(best, 0), 1)
        }
    }
    return effects
}
