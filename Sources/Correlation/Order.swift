/// The value that would stand at `place` if the values were sorted. They are rearranged, not
/// sorted: the median of many slopes is needed often, their order never.
func select(_ place: Int, from values: inout [Double]) -> Double? {
    guard values.indices.contains(place) else { return nil }
    var low = 0
    var high = values.count - 1
    while low < high {
        let pivot = values[low + (high - low) / 2]
        var left = low
        var right = high
        while left <= right {
            while values[left] < pivot { left += 1 }
            while values[right] > pivot { right -= 1 }
            guard left <= right else { break }
            values.swapAt(left, right)
            left += 1
            right -= 1
        }
        if place <= right {
            high = right
        } else if place >= left {
            low = left
        } else {
            return values[place]
        }
    }
    return values[place]
}

/// The middle value, or the mean of the two in the middle. Nil where there is none or a value is
/// not finite.
package func median(_ values: [Double]) -> Double? {
    guard !values.isEmpty, values.allSatisfy(\.isFinite) else { return nil }
    var values = values
    return finiteMedian(&values)
}

/// The median of values known to be finite; they are rearranged.
func finiteMedian(_ values: inout [Double]) -> Double? {
    guard let upper = select(values.count / 2, from: &values) else { return nil }
    guard values.count.isMultiple(of: 2) else { return upper }
    let lower = values[..<(values.count / 2)].max() ?? upper
    return lower / 2 + upper / 2
}

/// The mean; nil where there are no values.
func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
}

/// The value below which a share `part` (0 to 1) of the values lies.
func quantile(_ part: Double, of values: [Double]) -> Double? {
    var values = values.filter(\.isFinite)
    guard !values.isEmpty, part >= 0, part <= 1 else { return nil }
    return select(Int((Double(values.count - 1) * part).rounded()), from: &values)
}
