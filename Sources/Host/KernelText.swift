/// A cursor over the text of a kernel file: lines and blank-separated words, read as bytes so
/// that a large table costs no strings.
package struct KernelText: Sendable {
    private let bytes: [UInt8]
    private var position = 0
    private var isInLine = false

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package init(_ text: some StringProtocol) { self.init(Array(text.utf8)) }

    /// Moves to the next line, the first one at first; `false` when there is none.
    package mutating func nextLine() -> Bool {
        if isInLine {
            while position < bytes.count && bytes[position] != Self.newline { position += 1 }
            position += 1
        }
        isInLine = true
        return position < bytes.count
    }

    /// The next word of this line.
    package mutating func word() -> String? { wordRange().map { text($0) } }

    /// The same as bytes, for tables of very many words.
    package mutating func wordBytes() -> ArraySlice<UInt8>? { wordRange().map { bytes[$0] } }

    /// Steps over the next word of this line if it is `expected`.
    package mutating func skip(_ expected: String) -> Bool {
        let start = position
        if let range = wordRange(), bytes[range].elementsEqual(expected.utf8) { return true }
        position = start
        return false
    }

    /// The next word of this line as a decimal number. Stays before a word that is none, or that
    /// does not fit.
    package mutating func number() -> UInt64? {
        var index = position
        let number = Self.number(in: bytes.span, at: &index)
        position = index
        return number
    }

    /// The next words of this line as decimal numbers, as many as `numbers` has room for; `false`,
    /// and nowhere farther, when one of them is none.
    package mutating func numbers(into numbers: inout [UInt64]) -> Bool {
        let bytes = bytes
        let span = bytes.span
        var index = position
        for place in numbers.indices {
            if Self.isEmptyColumn(span, at: index) {
                numbers[place] = 0
                index += Self.columnWidth
                continue
            }
            guard let number = Self.number(in: span, at: &index) else { return false }
            numbers[place] = number
        }
        position = index
        return true
    }

    /// `unchecked`: each place is held against the count once, and large tables have a quarter of a
    /// million numbers.
    private static func number(in bytes: Span<UInt8>, at position: inout Int) -> UInt64? {
        var index = position
        while index + 8 <= bytes.count && hasEightBlanks(bytes, at: index) { index += 8 }
        while index < bytes.count && isBlank(bytes[unchecked: index]) { index += 1 }
        let start = index
        var value: UInt64 = 0
        while index < bytes.count, case let digit = bytes[unchecked: index] &- zero, digit <= 9 {
            value = value &* 10 &+ UInt64(digit)
            index += 1
        }
        guard index > start, index == bytes.count || endsWord(bytes[unchecked: index]),
            index - start <= digitsThatFit || fits(bytes.extracting(start..<index))
        else { return nil }
        position = index
        return value
    }

    private static var digitsThatFit: Int { 19 }

    private static func fits(_ digits: Span<UInt8>) -> Bool {
        var value: UInt64 = 0
        for index in digits.indices {
            let (tens, tooMany) = value.multipliedReportingOverflow(by: 10)
            let (sum, tooLarge) = tens.addingReportingOverflow(UInt64(digits[index] &- zero))
            guard !tooMany, !tooLarge else { return false }
            value = sum
        }
        return true
    }

    /// The rest of this line, without blanks at either end.
    package mutating func rest() -> String {
        skipBlanks()
        let start = position
        while position < bytes.count && bytes[position] != Self.newline { position += 1 }
        var end = position
        while end > start && Self.endsWord(bytes[end - 1]) { end -= 1 }
        return text(start..<end)
    }

    private mutating func wordRange() -> Range<Int>? {
        skipBlanks()
        let start = position
        while position < bytes.count && !Self.endsWord(bytes[position]) { position += 1 }
        return position > start ? start..<position : nil
    }

    private mutating func skipBlanks() {
        while position < bytes.count && Self.isBlank(bytes[position]) { position += 1 }
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// Most columns of a large table of interrupts hold ten blanks and a nought.
    private static func isEmptyColumn(_ bytes: Span<UInt8>, at index: Int) -> Bool {
        guard index + columnWidth < bytes.count, hasEightBlanks(bytes, at: index) else {
            return false
        }
        return isBlank(bytes[unchecked: index + 8]) && isBlank(bytes[unchecked: index + 9])
            && bytes[unchecked: index + 10] == zero && endsWord(bytes[unchecked: index + 11])
    }

    private static var columnWidth: Int { 11 }

    private static func hasEightBlanks(_ bytes: Span<UInt8>, at index: Int) -> Bool {
        bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            == 0x2020_2020_2020_2020
    }

    private static var newline: UInt8 { UInt8(ascii: "\n") }
    private static var zero: UInt8 { UInt8(ascii: "0") }
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
    private static func endsWord(_ byte: UInt8) -> Bool { isBlank(byte) || byte == newline }
}

extension KernelText {
    /// Lines of `name value`, such as /proc/vmstat. Lines of another shape are left out.
    package static func keyedNumbers(_ bytes: [UInt8]) -> [String: UInt64] {
        var text = KernelText(bytes)
        var numbers: [String: UInt64] = [:]
        while text.nextLine() {
            guard let name = text.word(), let value = text.number() else { continue }
            numbers[name] = value
        }
        return numbers
    }

    /// Lines of `Name:  value kB`, such as /proc/meminfo: bytes where the unit is kB, else the
    /// plain count. The files of single nodes begin each line with `Node 0`. Values that do not
    /// fit are left out.
    package static func memoryFigures(_ bytes: [UInt8]) -> [String: UInt64] {
        var text = KernelText(bytes)
        var figures: [String: UInt64] = [:]
        while text.nextLine() {
            if text.skip("Node") { _ = text.number() }
            guard let name = text.word(), name.hasSuffix(":"), let value = text.number() else {
                continue
            }
            let unit: UInt64 = text.skip("kB") ? 1024 : 1
            let (scaled, overflows) = value.multipliedReportingOverflow(by: unit)
            if !overflows { figures[String(name.dropLast())] = scaled }
        }
        return figures
    }

    /// The `total=` figures of a pressure file in microseconds; `full` is 0 where it is missing.
    package static func pressureTotals(_ bytes: [UInt8]) -> (some: UInt64, full: UInt64) {
        var text = KernelText(bytes)
        var totals: [String: UInt64] = [:]
        while text.nextLine() {
            guard let kind = text.word() else { continue }
            while let word = text.word() {
                guard word.hasPrefix("total=") else { continue }
                totals[kind] = UInt64(word.dropFirst("total=".count))
            }
        }
        return (totals["some"] ?? 0, totals["full"] ?? 0)
    }

    /// A word of /proc/mounts or /proc/swaps with its `\040` escapes undone.
    package static func unescaped(_ word: String) -> String {
        let bytes = Array(word.utf8)
        var plain: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let code = bytes[index...].dropFirst().prefix(3)
            if bytes[index] == UInt8(ascii: "\\"), code.count == 3,
                let value = UInt8(String(decoding: code, as: UTF8.self), radix: 8)
            {
                plain.append(value)
                index += 4
            } else {
                plain.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }
}
