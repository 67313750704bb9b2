import CLibbpf
import Glibc
import Synchronization

/// What libbpf said last. The library's callback carries no context, so the one place it can go
/// is global.
private let lastWords = Mutex(LastWords())

private struct LastWords {
    var warning = ""
    /// The line in which the verifier says what it does not like.
    var verdict: String?
}

/// Keeps libbpf's messages off stderr; the last ones are kept for an error's detail.
func quietLibrary() {
    _ = libbpf_set_print { level, format, arguments in
        guard level == LIBBPF_WARN, let format, let arguments else { return 0 }
        var text = [CChar](repeating: 0, count: 1 << 16)
        vsnprintf(&text, text.count, format, arguments)
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
            .map { String(decoding: $0, as: UTF8.self) }
        lastWords.withLock { words in
            words.warning = lines.first ?? ""
            // The verifier's log ends with what it refused, and then with its statistics.
            if let end = lines.lastIndex(where: { $0.hasPrefix("processed ") }), end > 0 {
                words.verdict = lines[end - 1]
            }
        }
        return 0
    }
}

/// The verifier's verdict, or else the last warning, since the previous call.
func takeWarning() -> String {
    let words = lastWords.withLock { words in
        defer { words = LastWords() }
        return words
    }
    if let verdict = words.verdict { return verdict }
    let name = "libbpf: "
    return words.warning.hasPrefix(name)
        ? String(words.warning.dropFirst(name.count)) : words.warning
}
