// Counters may hold anything, the largest number too: what a rule makes of them must not trap.

/// The part `share` (0 to 1; more counts as all) of `nanoseconds`.
func scaled(_ nanoseconds: UInt64, by share: Double) -> UInt64 {
    if share >= 1 { return nanoseconds }
    return share > 0 ? UInt64(Double(nanoseconds) * share) : 0
}

/// Twice `value`, or the largest number there is.
func doubled<Number: FixedWidthInteger>(_ value: Number) -> Number {
    value > .max / 2 ? .max : value < .min / 2 ? .min : value * 2
}
