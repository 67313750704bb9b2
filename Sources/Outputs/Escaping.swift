// Names that a process or a device chose (comm, command line, cgroup path) become harmless here
// and nowhere else.

/// Longest name that the text report shows in full, in characters.
package let longestName = 64

/// `text` with every control and every invisible or reordering character shown as `\xNN` or
/// `\u{…}`, and cut to `limit` columns. With `ascii`, whatever is not ASCII is shown so too.
package func terminalSafe(_ text: String, limit: Int = .max, ascii: Bool = false) -> String {
    // Nearly every text is this: nothing in it needs care, and each byte is a column.
    let isPlain = text.utf8.count <= limit && text.utf8.allSatisfy { (0x20..<0x7f).contains($0) }
    if isPlain { return text }
    let ellipsis = ascii ? "..." : "…"
    var safe = ""
    var used = 0
    // What still fits if the rest has to be cut, in bytes of `safe`.
    var kept = 0
    for scalar in text.unicodeScalars {
        // A mark without a width counts too, or a name could pile them up without end.
        if mustEscape(scalar, ascii: ascii) {
            let piece = visible(scalar)
            used += piece.utf8.count
            safe += piece
        } else {
            used += max(columns(of: scalar), 1)
            safe.unicodeScalars.append(scalar)
        }
        if used <= limit - ellipsis.count { kept = safe.utf8.count }
        guard used <= limit else { return (String(safe.utf8.prefix(kept)) ?? "") + ellipsis }
    }
    return safe
}

/// The columns that a terminal gives `text`, which must be free of control characters.
package func width(of text: String) -> Int {
    text.unicodeScalars.reduce(0) { $0 + columns(of: $1) }
}

/// The inside of a JSON string literal, without the quotes around it.
package func jsonEscaped(_ text: String) -> String {
    var escaped = ""
    escaped.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": escaped += "\\\""
        case "\\": escaped += "\\\\"
        case "\n": escaped += "\\n"
        case "\t": escaped += "\\t"
        case "\r": escaped += "\\r"
        default:
            guard mustEscape(scalar, ascii: false) else {
                escaped.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 { escaped += "\\u" + hex(UInt32(unit), digits: 4) }
        }
    }
    return escaped
}

/// Controls (Cc), invisible and reordering characters (Cf, with all bidi controls), line and
/// paragraph separators, and characters without a meaning.
private func mustEscape(_ scalar: Unicode.Scalar, ascii: Bool) -> Bool {
    if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7f }
    if ascii { return true }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
        return true
    default: return false
    }
}

private func visible(_ scalar: Unicode.Scalar) -> String {
    scalar.value < 0x100
        ? "\\x" + hex(scalar.value, digits: 2) : "\\u{" + hex(scalar.value, digits: 0) + "}"
}

private func hex(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}

/// 0 for marks that sit on the character before, 2 for the wide East Asian blocks.
private func columns(of scalar: Unicode.Scalar) -> Int {
    if scalar.isASCII { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark: return 0
    default: break
    }
    switch scalar.value {
    case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f,
        0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1faff, 0x20000...0x3fffd:
        return 2
    default: return 1
    }
}
