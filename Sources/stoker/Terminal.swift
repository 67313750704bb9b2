import Glibc
import Outputs

/// What the places that Stoker writes to can show.
enum Terminal {
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// How the text report may look on stdout, or in a file when `toFile`.
    static func style(toFile: Bool) -> TextStyle {
        let isTerminal = !toFile && isatty(STDOUT_FILENO) == 1
        let plain = variable("NO_COLOR") != nil || variable("TERM") == "dumb"
        return TextStyle(
            colour: isTerminal && !plain, unicode: isUnicode,
            width: isTerminal ? min(max(columns, 60), 120) : 80)
    }

    /// The first of the usual variables that is set decides, as for setlocale.
    private static var isUnicode: Bool {
        let locale = variable("LC_ALL") ?? variable("LC_CTYPE") ?? variable("LANG") ?? ""
        let name = locale.lowercased()
        return name.contains("utf-8") || name.contains("utf8")
    }

    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return 80
        }
        return Int(size.ws_col)
    }

    /// An environment variable; `nil` when it is not set or empty.
    static func variable(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// One line on stderr, whatever the names in it hold.
    static func complain(_ message: String) {
        write("stoker: \(terminalSafe(message))\n", to: STDERR_FILENO)
    }

    /// Rewrites the progress line; an empty text clears it. Only where a person is looking.
    static func progress(_ text: String) {
        guard errorIsTerminal else { return }
        write("\r\u{1B}[K\(text)", to: STDERR_FILENO)
    }

    /// Writes all of `text`; false when the place does not take it.
    @discardableResult
    static func write(_ text: String, to descriptor: CInt) -> Bool {
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.map {
                    Glibc.write(descriptor, $0 + written, buffer.count - written)
                } ?? 0
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }
}
