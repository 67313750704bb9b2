/// A group of counters by the names that the driver gave them: running totals, or what happened
/// between two readings.
package struct FabricCounters: Sendable, Equatable, Codable {
    package var values: [String: UInt64]
    /// Names of those that are full: they tell the least that happened. Set on changes only.
    package var stuck: Set<String> = []
    /// Somebody set the counters back meanwhile: the change is not known and reads as nothing.
    package var wasReset = false

    package init(_ values: [String: UInt64] = [:]) { self.values = values }

    /// 0 for what this port does not count.
    package subscript(_ name: String) -> UInt64 { values[name] ?? 0 }

    /// A counter that was not there before counts from now on.
    package func since(
        _ earlier: FabricCounters, _ width: (String) -> CounterWidth
    ) -> FabricCounters {
        var change = FabricCounters()
        var fallen = 0
        for (name, now) in values {
            guard let before = earlier.values[name] else {
                change.values[name] = 0
                continue
            }
            let counter = width(name)
            let difference = counter.change(now, before)
            if difference == nil { change.wasReset = true }
            if now < before { fallen += 1 }
            change.values[name] = difference ?? 0
            if counter.isStuck(now) { change.stuck.insert(name) }
        }
        // One counter may turn; when several fall at once they were set back together.
        if fallen > 1 { change.wasReset = true }
        if change.wasReset { change.values = change.values.mapValues { _ in 0 } }
        return change
    }

    /// Takes over what was read just now; names that were not read keep what they had.
    mutating func update(_ read: [String: UInt64]) {
        values.merge(read) { $1 }
    }
}
