/// One metric family: what it is called, what it means and where it comes from. The list of all is
/// `metricFamilies`; what is exported and the reference are both made from it.
package struct MetricFamily: Sendable {
    package enum Kind: String, Sendable { case counter, gauge, histogram }

    /// As it is exported in the text format: counters end in `_total`.
    package let name: String
    package let kind: Kind
    package let labels: [String]
    /// One sentence, without quotes and backslashes.
    package let help: String
    /// The signal that it is taken from; `nil`: Stoker itself.
    package let signal: String?
    /// Series that it has at most. What comes beyond is left out and counted.
    package let most: Int

    init(
        _ name: String, _ kind: Kind, _ labels: [String], most: Int,
        from signal: String? = nil, _ help: String
    ) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
        self.signal = signal
        self.most = most
    }

    /// One of a single series.
    init(_ name: String, _ kind: Kind, from signal: String? = nil, _ help: String) {
        self.init(name, kind, [], most: 1, from: signal, help)
    }

    /// The name without `_total`, which OpenMetrics gives to the samples alone.
    var base: String { name.hasSuffix("_total") ? String(name.dropLast(6)) : name }

    /// The unit that OpenMetrics wants named, which the name ends in.
    package var unit: String? {
        Self.units.first { base.hasSuffix("_" + $0) }
    }

    private static let units = [
        "seconds", "bytes", "ratio", "celsius", "joules", "watts", "hertz",
    ]

    /// Series of the text format for each combination of labels.
    package var seriesEach: Int { kind == .histogram ? waitBounds.count + 3 : 1 }
}

/// One series of a family, or one histogram.
struct MetricSample: Sendable, Equatable {
    var labels: [String]
    var value: MetricValue

    init(_ labels: [String], _ value: MetricValue) {
        self.labels = labels
        self.value = value
    }
}

enum MetricValue: Sendable, Equatable {
    case number(Double)
    /// Cumulative counts up to each of `waitBounds`, all of them, and the sum.
    case histogram(counts: [UInt64], count: UInt64, sum: Double)
}

/// Upper bounds of waits for a CPU, s: powers of two, which native histograms have as well; from
/// a microsecond to two seconds.
package let waitBounds: [Double] = (-20...1).map { exponent in
    Double(sign: .plus, exponent: exponent, significand: 1)
}
