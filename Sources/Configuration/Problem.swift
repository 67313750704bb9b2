/// Where a value came from.
package enum Origin: Equatable, Sendable {
    case standard
    case file(String, line: Int)
    case environment(String)
    case flag(String)

    package var text: String {
        switch self {
        case .standard: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .environment(let name): "environment \(name)"
        case .flag(let name): name
        }
    }
}

/// Something wrong with a configuration, in one line.
package struct Problem: Error, Equatable, Sendable {
    package enum Fault: Equatable, Sendable {
        case unreadable(String)
        case yaml(YAMLError)
        case unknownKey(String, nearest: String?)
        case wrongValue(key: String, found: String, expected: String)
        /// Values that are right by themselves and wrong together.
        case contradiction(String)
        /// What works and should be looked at.
        case advice(String)
    }

    /// `nil` for what no single place is to blame for.
    package var path: String?
    package var place: Place?
    package var fault: Fault

    package init(_ path: String?, at place: Place? = nil, _ fault: Fault) {
        self.path = path
        self.place = place
        self.fault = fault
    }

    init(_ path: String, yaml error: YAMLError) {
        self.init(path, at: error.place, .yaml(error))
    }

    package var text: String {
        var text = path ?? ""
        if let place { text += ":\(place.line):\(place.column)" }
        return text.isEmpty ? sentence : text + ": " + sentence
    }

    private var sentence: String {
        switch fault {
        case .unreadable(let reason): "cannot be read: \(reason)"
        case .yaml(let error): error.text
        case .unknownKey(let key, let nearest):
            "unknown key \"\(key)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
        case .wrongValue(let key, let found, let expected):
            "\(key) is \(found); expected \(expected)"
        case .contradiction(let text), .advice(let text): text
        }
    }
}

/// Everything that is wrong with a configuration; never empty.
package struct ConfigurationError: Error, Equatable {
    package var problems: [Problem]
}
