/// One element of `Accept` or `Accept-Encoding`.
struct Preference: Equatable {
    /// In lower case, such as `text/plain` or `gzip`.
    var name: String
    var version: String?
    var quality: Double

    /// `nil` for what cannot be read, which then asks for nothing.
    init?(_ text: Substring) {
        var parts = text.split(separator: ";", omittingEmptySubsequences: false)[...]
        guard let first = parts.popFirst()?.trimmedBlanks, !first.isEmpty else { return nil }
        name = first.lowercased()
        quality = 1
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { continue }
            let value = pair[1].trimmedBlanks
            switch pair[0].trimmedBlanks.lowercased() {
            case "q":
                guard let number = Double(value), (0...1).contains(number) else { return nil }
                quality = number
            case "version": version = String(value)
            default: continue
            }
        }
    }
}

/// What a client would rather have, from all fields of one name.
struct Preferences {
    private let list: [Preference]

    init(_ fields: [String]) {
        list = fields.flatMap { $0.split(separator: ",") }.compactMap { Preference($0) }
    }

    /// How much one of `names` is wanted; zero when none is named.
    private func quality(_ names: String..., versions: [String]? = nil) -> Double {
        list.filter { preference in
            guard let version = preference.version, let versions else {
                return names.contains(preference.name)
            }
            return names.contains(preference.name) && versions.contains(version)
        }.map(\.quality).max() ?? 0
    }

    private func names(_ name: String) -> Bool { list.contains { $0.name == name } }

    /// OpenMetrics only for those who name it: people with a browser want text.
    var metricsFormat: Site.MetricsFormat {
        let open = quality("application/openmetrics-text", versions: ["1.0.0"])
        let named = quality("text/plain", versions: ["0.0.4"])
        let text = named > 0 ? named : max(quality("text/*"), quality("*/*"))
        return open > 0 && open >= text ? .openMetrics : .text
    }

    var reportFormat: Site.ReportFormat {
        let text = quality("text/plain")
        let json = quality("application/json", "application/*")
        return text > 0 && text > json && text >= quality("*/*") ? .text : .json
    }

    var takesGzip: Bool {
        let isNamed = names("gzip") || names("x-gzip")
        let gzip = isNamed ? quality("gzip", "x-gzip") : quality("*")
        return gzip > 0 && gzip >= quality("identity")
    }
}

extension Substring {
    /// Without blanks and tabs at either end.
    fileprivate var trimmedBlanks: Substring {
        var rest = self
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}
