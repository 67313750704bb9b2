import CLibbpf
import Glibc
import Synchronization

/// The last warning that libbpf printed. The library's callback carries no context, so the one
/// place it can go is global.
private let lastWarning = Mutex("")

/// Keeps libbpf's messages off stderr; the last warning is kept for an error's detail.
func quietLibrary() {
    _ = libbpf_set_print { level, format, arguments in
        guard level == LIBBPF_WARN, let format, let arguments else { return 0 }
        var line = [CChar](repeating: 0, count: 512)
        vsnprintf(&line, line.count, format, arguments)
        let bytes = line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
        lastWarning.withLock { $0 = String(decoding: bytes, as: UTF8.self) }
        return 0
    }
}

/// The last warning since the previous call, without the library's own name before it.
func takeWarning() -> String {
    let warning = lastWarning.withLock { text in
        defer { text = "" }
        return text
    }
    return warning.hasPrefix("libbpf: ") ? String(warning.dropFirst(8)) : warning
}
