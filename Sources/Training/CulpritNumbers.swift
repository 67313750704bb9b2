package import Signals

/// The different culprits of many waits.
package struct CulpritNumbers: Sendable {
    package private(set) var all: [Culprit] = []
    /// For each wait the place of its culprit in `all`.
    package private(set) var byWait: [Int] = []
    private var numbers: [Culprit: Int] = [:]

    package init(_ waits: [Wait]) {
        let waits = waits.span
        byWait.reserveCapacity(waits.count)
        // There are few of them, and most have different low bits.
        var recent = InlineArray<64, Int>(repeating: -1)
        for wait in waits.indices {
            let slot = Int(waits[wait].culprit.id & 63)
            if recent[slot] < 0 || all[recent[slot]] != waits[wait].culprit {
                recent[slot] = add(waits[wait].culprit)
            }
            byWait.append(recent[slot])
        }
    }

    package func number(of culprit: Culprit) -> Int? { numbers[culprit] }

    private mutating func add(_ culprit: Culprit) -> Int {
        if let number = numbers[culprit] { return number }
        numbers[culprit] = all.count
        all.append(culprit)
        return all.count - 1
    }
}
