/// Benjamini and Hochberg's adjusted p: a hypothesis whose value is at most q is among discoveries
/// of which a share q is false on average. In the order given; nil where a p is not in 0...1.
package func benjaminiHochberg(_ p: [Double]) -> [Double]? {
    guard p.allSatisfy({ $0 >= 0 && $0 <= 1 }) else { return nil }
    var adjusted = p
    var least = 1.0
    for (place, index) in p.indices.sorted(by: { p[$0] < p[$1] }).enumerated().reversed() {
        least = min(least, p[index] * Double(p.count) / Double(place + 1))
        adjusted[index] = least
    }
    return adjusted
}
