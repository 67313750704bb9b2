// Amounts as people write them. Each is written so that it is read back as the same.

private let spans: [(unit: String, size: UInt64)] = [
    ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
]

private let sizes: [(unit: String, size: UInt64)] = [
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
]

/// `500ms`, `30s`, `10m`, `2h` in ns.
package func nanoseconds(_ text: String) -> UInt64? { amount(text, spans) }

/// `512MB`, `64MiB` in bytes.
package func byteCount(_ text: String) -> UInt64? { amount(text, sizes) }

/// `0.5%` or `0.005`.
package func ratio(_ text: String) -> Double? {
    let isPercent = text.hasSuffix("%")
    let digits = isPercent ? text.dropLast() : text[...]
    // Double reads more than people write: nan, inf, 0x1p3.
    guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= $0 || $0 == 0x2e }),
        digits.utf8.count <= 20, let number = Double(digits)
    else { return nil }
    return isPercent ? number / 100 : number
}

package func spanText(_ nanoseconds: UInt64) -> String {
    // Minutes and hours are shown as such only when nothing is left over.
    written(nanoseconds, Array(spans.reversed())) ?? "\(nanoseconds / 1_000_000)ms"
}

package func sizeText(_ bytes: UInt64) -> String {
    let decimal = sizes.filter { !$0.unit.hasSuffix("iB") && $0.size > 1 }
    let binary = sizes.filter { $0.unit.hasSuffix("iB") }
    return written(bytes, decimal.reversed()) ?? written(bytes, binary.reversed()) ?? "\(bytes)B"
}

package func ratioText(_ ratio: Double) -> String {
    let percent = "\(ratio * 100)"
    let whole = percent.hasSuffix(".0") ? String(percent.dropLast(2)) : percent
    // What percent cannot say exactly is shown as the number that it is.
    return Configuration.ratio(whole + "%") == ratio ? whole + "%" : "\(ratio)"
}

private func amount(_ text: String, _ units: [(unit: String, size: UInt64)]) -> UInt64? {
    guard let unit = units.first(where: { text.hasSuffix($0.unit) }),
        let count = wholeNumber(text.dropLast(unit.unit.utf8.count), most: .max)
    else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: unit.size)
    return overflow ? nil : product
}

/// In the largest unit that leaves nothing over.
private func written(_ amount: UInt64, _ units: [(unit: String, size: UInt64)]) -> String? {
    units.first { amount > 0 && amount.isMultiple(of: $0.size) }.map {
        "\(amount / $0.size)\($0.unit)"
    }
}

/// A decimal number without a sign, at most `most`.
func wholeNumber(_ text: some StringProtocol, most: UInt64) -> UInt64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= $0 }),
        let number = UInt64(text), number <= most
    else { return nil }
    return number
}
