import ArgumentParser

/// A length of time as typed: `500ms`, `30s`, `10m`, `2h`.
struct Span: ExpressibleByArgument {
    /// ns
    var nanoseconds: UInt64

    /// A month: longer is a slip of the finger.
    private static let longest = 2_678_400_000_000_000 as UInt64

    private static let units: [(name: String, nanoseconds: UInt64)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]

    init?(argument: String) {
        for (name, unit) in Self.units where argument.hasSuffix(name) {
            guard let count = UInt64(argument.dropLast(name.count)), count > 0 else { continue }
            let (product, overflow) = count.multipliedReportingOverflow(by: unit)
            guard !overflow, product <= Self.longest else { return nil }
            nanoseconds = product
            return
        }
        return nil
    }

    init(seconds: UInt64) { nanoseconds = seconds * 1_000_000_000 }

    var defaultValueDescription: String { "\(nanoseconds / 1_000_000_000)s" }
}
