/// A threshold that a rule holds a measured number against.
package struct Limit: Sendable, Equatable {
    package var value: Double
    package var unit: String
    /// Where the number comes from; "judgement" where nobody has published one.
    package var source: String

    package init(_ value: Double, _ unit: String, source: String) {
        self.value = value
        self.unit = unit
        self.source = source
    }

    /// At or above the limit is worth acting on.
    package func isReached(by measured: Double) -> Bool { measured >= value }

    /// The evidence row of a number that this limit was held against.
    package func evidence(_ name: String, _ measured: Double) -> Evidence {
        Evidence(name: name, value: measured, unit: unit, threshold: value, source: source)
    }
}
