import CLibbpf
import Glibc
import Synchronization

/// What libbpf said. The library's callback carries no context, so the one place it can go
/// is global.
private let heard = Mutex(Words())

/// Bytes of the longest message, the verifier's whole log: its end is what tells. libbpf gives the
/// log as much, bpf/libbpf_internal.h. Pages that are not written take no memory.
private let mostBytes = 1 << 24
/// Bytes of it that are looked at.
private let endOfLog = 1 << 16

private struct Words {
    var warning = ""
    /// The line in which the verifier says what it does not like.
    var verdict: String?
}

/// Keeps libbpf's messages off stderr; the last ones are kept for an error's detail.
func quietLibrary() {
    _ = libbpf_set_print { level, format, arguments in
        guard level == LIBBPF_WARN, let format, let arguments else { return 0 }
        let text = UnsafeMutableRawBufferPointer.allocate(byteCount: mostBytes, alignment: 1)
        defer { text.deallocate() }
        let address = text.assumingMemoryBound(to: CChar.self).baseAddress
        let count = Int(vsnprintf(address, mostBytes, format, arguments))
        let lines = text.prefix(min(max(count, 0), mostBytes - 1)).suffix(endOfLog)
            .split(separator: UInt8(ascii: "\n"))
            .map { String(decoding: $0, as: UTF8.self) }
        heard.withLock { words in
            // The first warning names what failed; the later ones say what failed in turn.
            if words.warning.isEmpty { words.warning = lines.first ?? "" }
            // The verifier's log ends with what it refused, and then with its statistics.
            if let end = lines.lastIndex(where: { $0.hasPrefix("processed ") }), end > 0 {
                words.verdict = lines[end - 1]
            }
        }
        return 0
    }
}

/// The verifier's verdict, or else the first warning, since the previous call.
func takeWarning() -> String {
    let words = heard.withLock { words in
        defer { words = Words() }
        return words
    }
    if let verdict = words.verdict { return verdict }
    let name = "libbpf: "
    return words.warning.hasPrefix(name)
        ? String(words.warning.dropFirst(name.count)) : words.warning
}
