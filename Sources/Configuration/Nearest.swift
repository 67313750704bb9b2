/// The one of `names` that `word` was probably meant to be; `nil` when none is near.
func nearest(to word: String, among names: [String]) -> String? {
    let letters = Array(word.lowercased().utf8.prefix(64))
    // A third of the letters may be wrong. Judgement.
    let farthest = max(1, letters.count / 3)
    let distances = names.map { (name: $0, steps: distance(letters, Array($0.utf8))) }
    return distances.filter { $0.steps <= farthest }.min { $0.steps < $1.steps }?.name
}

/// How many letters must be put in, left out, changed or swapped with the next to make `a` into `b`.
func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in 1...a.count {
        var row = [i]
        for j in 1...b.count {
            let changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
            var steps = min(changed, last[j] + 1, row[j - 1] + 1)
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                steps = min(steps, beforeLast[j - 2] + 1)
            }
            row.append(steps)
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}
