import BPF

/// A compiled probe. The CompileBPF plugin adds one static member for each `bpf/*.bpf.c`.
struct ProbeImage: Sendable {
    let name: String
    let base64: StaticString

    /// The object file.
    var bytes: [UInt8] {
        base64.withUTF8Buffer { text in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(text.count / 4 * 3)
            var bits: UInt32 = 0
            var count = 0
            for character in text {
                guard let value = Self.value(character) else { break }
                bits = bits << 6 | UInt32(value)
                count += 6
                guard count >= 8 else { continue }
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
            return bytes
        }
    }

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

extension Unavailable {
    init(_ error: ProbeError) { self.init(error.reason) }
}
