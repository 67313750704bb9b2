/// A generator that always says the same: Knuth's MMIX numbers.
struct FixedNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 33)
    }
}

/// Texts that try to break out: random bytes, and pieces known to hurt.
func hostileTexts(_ count: Int) -> [String] {
    let pieces = [
        "\u{1b}]0;owned\u{7}", "\u{1b}[2J", "$(reboot)", "`id`", "'", "\"", "\\", "\n", "\r", "\0",
        "\u{202e}", "\u{2066}", "\u{200f}", "\u{61c}", "\u{2028}", "\u{9b}31m", "%s", "</script>",
        "😀", "e\u{301}", "\u{feff}", "--", "; rm -rf /", "\\u0041", "模",
    ]
    var numbers = FixedNumbers(seed: 42)
    return (0..<count).map { _ in
        let bytes = (0..<Int.random(in: 0...12, using: &numbers)).map { _ in
            UInt8.random(in: 0...255, using: &numbers)
        }
        let piece = pieces.randomElement(using: &numbers) ?? ""
        let random = String(decoding: bytes, as: UTF8.self)
        return Bool.random(using: &numbers) ? random + piece : piece + random + piece
    }
}

/// Scalars of `text` that a terminal or a reader could be fooled by, line ends aside on demand.
func harmful(in text: String, allowingLines: Bool = false) -> [Unicode.Scalar] {
    text.unicodeScalars.filter { scalar in
        switch scalar.value {
        case 0x0a: !allowingLines
        case 0..<0x20, 0x7f...0x9f, 0x202a...0x202e, 0x2066...0x2069, 0x200e, 0x200f, 0x61c,
            0x2028, 0x2029:
            true
        default: false
        }
    }
}
