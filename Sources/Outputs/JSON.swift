/// A JSON document whose keys keep their order.
package indirect enum JSON: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// What is not finite is written as null: JSON has no word for it.
    case number(Double)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    /// The document on lines of about 100 columns, with a line end after it.
    package var pretty: String {
        var text = ""
        write(to: &text, indent: 0)
        return text + "\n"
    }

    /// On one line.
    package var compact: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .number(let value): value.isFinite ? "\(value)" : "null"
        case .string(let value): "\"" + jsonEscaped(value) + "\""
        case .array(let items): "[" + items.map(\.compact).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.map { key($0.0) + $0.1.compact }.joined(separator: ", ") + "}"
        }
    }

    private func write(to text: inout String, indent: Int) {
        if isFlat {
            let line = compact
            if indent + line.utf8.count <= 100 { return text += line }
        }
        switch self {
        case .array(let items):
            writeLines(items.map { ("", $0) }, between: ("[", "]"), to: &text, indent: indent)
        case .object(let members):
            let lines = members.map { (key($0.0), $0.1) }
            writeLines(lines, between: ("{", "}"), to: &text, indent: indent)
        default: text += compact
        }
    }

    private func writeLines(
        _ lines: [(String, JSON)], between ends: (String, String), to text: inout String,
        indent: Int
    ) {
        let margin = "\n" + String(repeating: " ", count: indent)
        text += ends.0
        for (index, line) in lines.enumerated() {
            text += (index > 0 ? "," : "") + margin + "  " + line.0
            line.1.write(to: &text, indent: indent + 2)
        }
        text += margin + ends.1
    }

    /// Without a filled list or object inside: a candidate for one line.
    private var isFlat: Bool {
        switch self {
        case .array(let items): items.allSatisfy(\.isPlain)
        case .object(let members): members.allSatisfy(\.1.isPlain)
        default: true
        }
    }

    private var isPlain: Bool {
        switch self {
        case .array(let items): items.isEmpty
        case .object(let members): members.isEmpty
        default: true
        }
    }

    private func key(_ name: String) -> String { "\"" + jsonEscaped(name) + "\": " }
}

extension JSON {
    package init(_ text: String?) { self = text.map { .string($0) } ?? .null }
    package init(_ number: Double?) { self = number.map { .number($0) } ?? .null }
    package init(_ number: some BinaryInteger) { self = .integer(Int64(clamping: number)) }
    package init(_ texts: [String]) { self = .array(texts.map { .string($0) }) }

    /// Nanoseconds as seconds.
    package init(seconds nanoseconds: UInt64) { self = .number(Double(nanoseconds) / 1e9) }
}
