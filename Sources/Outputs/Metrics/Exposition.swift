/// How metrics are written.
package enum ExpositionFormat: Sendable, CaseIterable {
    /// The text format 0.0.4 of Prometheus.
    case text
    /// OpenMetrics 1.0.
    case openMetrics
}

/// The body of a scrape, family by family. Whatever comes in, what goes out can be read: labels are
/// made harmless, series that became alike are one, and what is no number is left out.
struct Exposition {
    /// Names of processes and devices are short; bytes of others that are worth a label. Judgement.
    private static let longestLabel = 64

    private let format: ExpositionFormat
    private var text = ""
    /// Series that there was no room for, by family.
    private(set) var dropped: [String: Int] = [:]

    init(_ format: ExpositionFormat) {
        self.format = format
        text.reserveCapacity(64 << 10)
    }

    mutating func add(_ family: MetricFamily, _ samples: [MetricSample]) {
        var samples = Self.merged(samples, family.labels.count, family.kind)
        if samples.count > family.most {
            dropped[family.name, default: 0] += samples.count - family.most
            samples.removeLast(samples.count - family.most)
        }
        guard !samples.isEmpty else { return }
        head(family)
        for sample in samples { write(family, sample) }
    }

    /// The whole body.
    consuming func finished() -> String {
        if format == .openMetrics { text += "# EOF\n" }
        return text
    }

    private mutating func head(_ family: MetricFamily) {
        let name = format == .text ? family.name : family.base
        text += "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind.rawValue)\n"
        if format == .openMetrics, let unit = family.unit { text += "# UNIT \(name) \(unit)\n" }
    }

    private mutating func write(_ family: MetricFamily, _ sample: MetricSample) {
        switch sample.value {
        case .number(let value):
            series(family.name, family.labels, sample.labels)
            text += number(value)
            text += "\n"
        case .histogram(let counts, let count, let sum):
            let labels = family.labels + ["le"]
            for (bound, below) in zip(waitBounds, counts) {
                series(family.name + "_bucket", labels, sample.labels + [number(bound)])
                text += "\(below)\n"
            }
            series(family.name + "_bucket", labels, sample.labels + ["+Inf"])
            text += "\(count)\n"
            series(family.name + "_sum", family.labels, sample.labels)
            text += number(sum)
            text += "\n"
            series(family.name + "_count", family.labels, sample.labels)
            text += "\(count)\n"
        }
    }

    private mutating func series(_ name: String, _ labels: [String], _ values: [String]) {
        text += name
        if !labels.isEmpty {
            var separator = "{"
            for (label, value) in zip(labels, values) {
                text += separator
                text += label
                text += "=\""
                Self.escape(value, into: &text)
                text += "\""
                separator = ","
            }
            text += "}"
        }
        text += " "
    }

    private static func escape(_ value: String, into text: inout String) {
        guard value.utf8.contains(where: { $0 == 0x5c || $0 == 0x22 }) else {
            text += value
            return
        }
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    /// Labels made harmless; counters and gauges that became alike are added up, of histograms the
    /// first is kept.
    private static func merged(
        _ samples: [MetricSample], _ labels: Int, _ kind: MetricFamily.Kind
    ) -> [MetricSample] {
        var places: [[String]: Int] = [:]
        places.reserveCapacity(samples.count)
        var merged: [MetricSample] = []
        for sample in samples where sample.labels.count == labels {
            if case .number(let value) = sample.value, !value.isFinite { continue }
            var sample = sample
            for index in sample.labels.indices where !isHarmless(sample.labels[index]) {
                sample.labels[index] = terminalSafe(sample.labels[index], limit: longestLabel)
            }
            guard let place = places[sample.labels] else {
                places[sample.labels] = merged.count
                merged.append(sample)
                continue
            }
            if case .number(let before) = merged[place].value,
                case .number(let more) = sample.value
            {
                merged[place].value = .number(before + more)
            }
        }
        return merged
    }

    /// Most labels are, and need no second look.
    private static func isHarmless(_ label: String) -> Bool {
        label.utf8.count <= longestLabel && label.utf8.allSatisfy { (0x20..<0x7f).contains($0) }
    }

    /// Whole numbers without a point in the text format; OpenMetrics' bounds want one.
    private func number(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 {
            let whole = String(Int64(value))
            return format == .openMetrics ? whole + ".0" : whole
        }
        // Sums of nanoseconds: what lies below them is noise of the arithmetic.
        let rounded = (value * 1e9).rounded() / 1e9
        return abs(value) < 1e6 && rounded != 0 ? "\(rounded)" : "\(value)"
    }
}
