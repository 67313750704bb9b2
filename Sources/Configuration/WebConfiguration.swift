package import Host
package import Serving

/// Who may read over HTTP, and with which headers: the file format of Prometheus' exporter-toolkit.
package struct WebConfiguration: Equatable, Sendable {
    /// bcrypt hashes by user; nobody has to log in when it is empty.
    package var users: [String: String] = [:]
    package var headers: [String: String] = [:]
    package var rateLimit: RateLimit?
    /// What works and should be looked at.
    package var warnings: [Problem] = []

    /// Headers that the exporter-toolkit lets one set.
    package static let headerNames = [
        "Content-Security-Policy", "Strict-Transport-Security", "X-Content-Type-Options",
        "X-Frame-Options", "X-XSS-Protection",
    ]

    package init() {}

    package static func read(_ path: String, on host: Host) throws(ConfigurationError)
        -> WebConfiguration
    {
        var reading = WebReading(path: path)
        do throws(Problem) {
            if let root = try document(path, on: host) { reading.take(root) }
        } catch { reading.problems.append(error) }
        guard reading.problems.isEmpty else {
            throw ConfigurationError(problems: reading.problems)
        }
        if !reading.result.users.isEmpty, let mode = host.mode(path), mode & 0o004 != 0 {
            let advice = "holds password hashes and can be read by everybody: chmod o-r"
            reading.result.warnings.append(Problem(path, .advice(advice)))
        }
        return reading.result
    }
}

/// Accepted costs of bcrypt. Every step doubles it; 15 takes seconds of a CPU. Judgement.
private let costs: ClosedRange<UInt64> = 4...14

/// More users than that are a mistake. Judgement.
private let mostUsers = 100

private struct WebReading {
    let path: String
    var result = WebConfiguration()
    var problems: [Problem] = []

    mutating func take(_ root: YAMLNode) {
        let known = ["basic_auth_users", "http_server_config", "rate_limit", "tls_server_config"]
        each(of: root, named: "the file", known: known) { reading, entry in
            switch entry.key {
            case "basic_auth_users": reading.takeUsers(entry.value)
            case "http_server_config": reading.takeServer(entry.value)
            case "rate_limit": reading.takeRateLimit(entry.value)
            default:
                reading.refuse(
                    entry.place, .contradiction("tls_server_config: TLS is not built in yet"))
            }
        }
    }

    private mutating func takeUsers(_ node: YAMLNode) {
        each(of: node, named: "basic_auth_users", known: nil) { reading, entry in
            let name = entry.key
            guard !name.isEmpty, name.utf8.count <= 255, !name.contains(":"), hasNoControls(name)
            else {
                return reading.expected(
                    "a user", "\"\(name)\"", "a name without colons", entry.place)
            }
            // The value is not repeated: it may be a password.
            guard let hash = entry.value.scalar, isBcrypt(hash) else {
                return reading.expected(
                    "the password of \"\(name)\"", "no bcrypt hash of cost 4 to 14",
                    "what `htpasswd -nBC 10 \(name)` prints after the colon", entry.value.place)
            }
            reading.result.users[name] = hash
        }
        if result.users.count > mostUsers {
            refuse(node.place, .contradiction("more than \(mostUsers) users"))
        }
    }

    private mutating func takeServer(_ node: YAMLNode) {
        each(of: node, named: "http_server_config", known: ["headers", "http2"]) { reading, entry in
            guard entry.key == "headers" else {
                // HTTP/2 comes with TLS only: either value means what we do without it.
                guard entry.value.scalar.flatMap({ Bool($0) }) != nil else {
                    return reading.expected(
                        "http2", entry.value.kind, "true or false", entry.value.place)
                }
                return
            }
            reading.takeHeaders(entry.value)
        }
    }

    private mutating func takeHeaders(_ node: YAMLNode) {
        each(of: node, named: "headers", known: WebConfiguration.headerNames) { reading, entry in
            // Left empty, a header is not sent.
            if entry.value.isNull || entry.value.scalar == "" { return }
            let text = entry.value.scalar
            let choices = choices(entry.key)
            guard let text, text.utf8.count <= 4096, hasNoControls(text),
                choices.isEmpty || choices.contains(text.lowercased())
            else {
                let expected = choices.isEmpty ? "a line of text" : choices.joined(separator: ", ")
                return reading.expected(entry.key, entry.value.kind, expected, entry.value.place)
            }
            reading.result.headers[entry.key] = text
        }
    }

    private mutating func takeRateLimit(_ node: YAMLNode) {
        var limit = RateLimit(interval: 0, burst: 1)
        each(of: node, named: "rate_limit", known: ["interval", "burst"]) { reading, entry in
            let text = entry.value.scalar ?? ""
            if entry.key == "burst" {
                guard let burst = wholeNumber(text, most: 100_000), burst > 0 else {
                    return reading.expected(
                        "burst", entry.value.kind, "a whole number from 1 to 100000",
                        entry.value.place)
                }
                limit.burst = Int(burst)
            } else {
                guard let interval = text == "0" ? 0 : nanoseconds(text) else {
                    return reading.expected(
                        "interval", entry.value.kind, "a time such as 100ms; 0: no limit",
                        entry.value.place)
                }
                limit.interval = interval
            }
        }
        result.rateLimit = limit.interval > 0 ? limit : nil
    }

    /// Hands over the entries of a mapping whose keys are known; `known`: `nil` for any.
    private mutating func each(
        of node: YAMLNode, named name: String, known: [String]?,
        _ take: (inout WebReading, YAMLEntry) -> Void
    ) {
        if node.isNull { return }
        guard case .mapping(let entries) = node.content else {
            return expected(name, node.kind, "a mapping of keys to values", node.place)
        }
        for entry in entries {
            if let known, !known.contains(entry.key) {
                let near = nearest(to: entry.key, among: known)
                refuse(entry.place, .unknownKey(entry.key, nearest: near))
            } else {
                take(&self, entry)
            }
        }
    }

    private mutating func expected(
        _ key: String, _ found: String, _ expected: String, _ place: Place
    ) {
        refuse(place, .wrongValue(key: key, found: found, expected: expected))
    }

    private mutating func refuse(_ place: Place, _ fault: Problem.Fault) {
        problems.append(Problem(path, at: place, fault))
    }
}

/// What the exporter-toolkit lets a header be; empty: anything.
private func choices(_ header: String) -> [String] {
    switch header {
    case "X-Frame-Options": ["deny", "sameorigin"]
    case "X-Content-Type-Options": ["nosniff"]
    default: []
    }
}

/// `$2y$10$` and 53 characters of salt and hash.
private func isBcrypt(_ hash: String) -> Bool {
    let parts = hash.split(separator: "$", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0].isEmpty, ["2", "2a", "2b", "2x", "2y"].contains(parts[1]),
        parts[2].utf8.count == 2, let cost = wholeNumber(parts[2], most: 99), costs ~= cost
    else { return false }
    return parts[3].utf8.count == 53
        && parts[3].utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "/"):
                true
            default: false
            }
        }
}
