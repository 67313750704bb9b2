/// A setting's value as it is shown.
package enum SettingValue: Equatable, Sendable {
    case none
    case flag(Bool)
    case number(Int)
    case text(String)
    case list([String])

    /// As it may stand in a file.
    package var yaml: String {
        switch self {
        case .none: "null"
        case .flag(let flag): flag ? "true" : "false"
        case .number(let number): "\(number)"
        case .text(let text): quoted(text)
        case .list(let items): "[" + items.map(quoted).joined(separator: ", ") + "]"
        }
    }

    /// Quoted where YAML would see more in it than a word.
    private func quoted(_ text: String) -> String {
        let isWord = text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "/"),
                UInt8(ascii: "%"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        let startsPlain = text.utf8.first.map { $0 != UInt8(ascii: "-") && $0 != 0x25 } ?? false
        if isWord && startsPlain { return text }
        return "'"
            + text.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "''") + "'"
    }
}

/// How values of one kind are read from words and shown again.
struct SettingForm<Value: Sendable>: Sendable {
    /// What is expected, to stand after "expected".
    var expected: String
    var takesList = false
    /// No word at all is a value too.
    var takesNothing = false
    /// `nil`: not of this form. One word, unless it takes a list.
    var read: @Sendable ([String]) -> Value?
    var show: @Sendable (Value) -> SettingValue
}

/// The only word of a value that is no list.
private func single<Value>(_ words: [String], _ read: (String) -> Value?) -> Value? {
    guard let word = words.first, words.count == 1 else { return nil }
    return read(word)
}

extension SettingForm where Value == UInt64 {
    static func span(_ range: ClosedRange<UInt64>) -> SettingForm {
        SettingForm(
            expected: "a time from \(spanText(range.lowerBound)) to \(spanText(range.upperBound)),"
                + " such as 500ms or 30s",
            read: { words in
                single(words) { word in nanoseconds(word).flatMap { range ~= $0 ? $0 : nil } }
            },
            show: { .text(spanText($0)) })
    }

    static func size(_ range: ClosedRange<UInt64>) -> SettingForm {
        SettingForm(
            expected: "a size from \(sizeText(range.lowerBound)) to \(sizeText(range.upperBound)),"
                + " such as 512MB or 64MiB",
            read: { words in
                single(words) { word in byteCount(word).flatMap { range ~= $0 ? $0 : nil } }
            },
            show: { .text(sizeText($0)) })
    }
}

extension SettingForm where Value == Int {
    static func count(_ range: ClosedRange<Int>) -> SettingForm {
        SettingForm(
            expected: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            read: { words in
                single(words) { wholeNumber($0, most: UInt64(Int.max)) }
                    .flatMap { range ~= Int($0) ? Int($0) : nil }
            },
            show: { .number($0) })
    }
}

extension SettingForm where Value == Double {
    static func share(_ range: ClosedRange<Double>) -> SettingForm {
        SettingForm(
            expected: "a share from \(ratioText(range.lowerBound)) to"
                + " \(ratioText(range.upperBound)), such as 0.5% or 0.005",
            read: { words in
                single(words) { word in ratio(word).flatMap { range ~= $0 ? $0 : nil } }
            },
            show: { .text(ratioText($0)) })
    }
}

extension SettingForm where Value == Bool {
    static var flag: SettingForm {
        SettingForm(
            expected: "true or false", read: { words in single(words) { Bool($0) } },
            show: { .flag($0) })
    }
}

extension SettingForm where Value == String {
    static var path: SettingForm {
        SettingForm(
            expected: "an absolute path",
            read: { words in single(words) { isPath($0) ? $0 : nil } }, show: { .text($0) })
    }
}

extension SettingForm where Value == String? {
    static var optionalPath: SettingForm {
        SettingForm(
            expected: "an absolute path, or null",
            takesNothing: true,
            read: { words in
                words.isEmpty ? .some(nil) : single(words) { isPath($0) ? .some($0) : nil }
            },
            show: { $0.map { .text($0) } ?? .none })
    }
}

extension SettingForm where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: SettingForm {
        SettingForm(
            expected: Value.allCases.map(\.rawValue).joined(separator: ", "),
            read: { words in single(words) { Value(rawValue: $0) } },
            show: { .text($0.rawValue) })
    }
}

/// Lists longer than this are a mistake. Judgement.
private let longestList = 100

extension SettingForm {
    /// A list of what `read` takes.
    static func list<Item: Sendable>(
        _ expected: String, least: Int = 0, read: @escaping @Sendable (String) -> Item?,
        show: @escaping @Sendable (Item) -> String
    ) -> SettingForm<[Item]> {
        SettingForm<[Item]>(
            expected: expected, takesList: true,
            read: { words in
                guard least...longestList ~= words.count else { return nil }
                let items = words.compactMap(read)
                return items.count == words.count ? items : nil
            },
            show: { .list($0.map(show)) })
    }
}

/// Absolute, and nothing in it that a terminal or a log would stumble over.
func isPath(_ text: String) -> Bool {
    text.hasPrefix("/") && text.utf8.count < 4096 && hasNoControls(text)
}

func hasNoControls(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
}
