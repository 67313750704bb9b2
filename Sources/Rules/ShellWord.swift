/// `text` as one word of a command for bash: bare where every byte is harmless, in single quotes
/// where all are printable, else as `$'…'`, which shows what a pasted control, invisible or
/// reordering character would hide. A NUL, which no argument can hold, becomes U+FFFD.
package func shellWord(_ text: String) -> String {
    let bytes = Array(text.utf8)
    if !bytes.isEmpty && bytes.allSatisfy(isPlain) { return text }
    if bytes.allSatisfy({ (0x20...0x7e).contains($0) }) {
        let parts = text.split(separator: "'", omittingEmptySubsequences: false)
        return "'" + parts.joined(separator: "'\\''") + "'"
    }
    return "$'" + bytes.map(ansiQuoted).joined() + "'"
}

private func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: "/_.:@-".utf8.contains(byte)
    }
}

private func ansiQuoted(_ byte: UInt8) -> String {
    switch byte {
    case 0: return "\\xef\\xbf\\xbd"
    case UInt8(ascii: "'"), UInt8(ascii: "\\"): return "\\" + String(UnicodeScalar(byte))
    case 0x20...0x7e: return String(UnicodeScalar(byte))
    default:
        let digits = String(byte, radix: 16)
        return "\\x" + (digits.count < 2 ? "0" : "") + digits
    }
}
