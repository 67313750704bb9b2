/// The rank of each value, 1 for the smallest; equal values share the mean of their ranks. Nil
/// where there is nothing to rank or a value is not a finite number.
package func ranks(_ values: [Double]) -> [Double]? {
    guard !values.isEmpty, values.allSatisfy(\.isFinite) else { return nil }
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var first = 0
    while first < order.count {
        var last = first
        while last + 1 < order.count, values[order[last + 1]] == values[order[first]] { last += 1 }
        for place in first...last { ranks[order[place]] = Double(first + last) / 2 + 1 }
        first = last + 1
    }
    return ranks
}

/// Spearman's rank correlation, -1 to 1. Nil for series of different length, of fewer than three
/// values, without any variation, or with values that are not finite.
package func spearman(_ x: [Double], _ y: [Double]) -> Double? {
    guard x.count == y.count, x.count >= 3, let x = standardRanks(x), let y = standardRanks(y)
    else { return nil }
    return min(max(product(x, y), -1), 1)
}

/// Ranks less their mean, scaled to length 1: their product is the rank correlation.
func standardRanks(_ values: [Double]) -> [Double]? {
    guard let ranks = ranks(values) else { return nil }
    let mean = Double(ranks.count + 1) / 2
    let length = ranks.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }.squareRoot()
    guard length > 0 else { return nil }
    return ranks.map { ($0 - mean) / length }
}

func product(_ x: [Double], _ y: [Double]) -> Double {
    zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
}
