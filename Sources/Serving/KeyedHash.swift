import Glibc

/// SipHash-2-4 with 128 bits: names a secret without keeping it. Who does not know the key, which
/// is new in each process, can neither guess the secret from it nor make two that look alike.
struct KeyedHash: Sendable {
    private let key: (UInt64, UInt64)

    init(key: (UInt64, UInt64)) { self.key = key }

    static func random() -> KeyedHash {
        var source = SystemRandomNumberGenerator()
        return KeyedHash(key: (source.next(), source.next()))
    }

    struct Value: Hashable, Sendable {
        var first: UInt64
        var second: UInt64
    }

    func callAsFunction(_ bytes: [UInt8]) -> Value {
        var state = State(key)
        var rest = bytes[...]
        while rest.count >= 8 {
            state.take(Self.word(rest.prefix(8)))
            rest = rest.dropFirst(8)
        }
        state.take(Self.word(rest) | UInt64(truncatingIfNeeded: bytes.count) << 56)
        return state.value()
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private struct State {
        private var v0, v1, v2, v3: UInt64

        init(_ key: (UInt64, UInt64)) {
            v0 = key.0 ^ 0x736f_6d65_7073_6575
            v1 = key.1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
            v2 = key.0 ^ 0x6c79_6765_6e65_7261
            v3 = key.1 ^ 0x7465_6462_7974_6573
        }

        mutating func take(_ word: UInt64) {
            v3 ^= word
            mix(2)
            v0 ^= word
        }

        mutating func value() -> Value {
            v2 ^= 0xee
            mix(4)
            let first = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xdd
            mix(4)
            return Value(first: first, second: v0 ^ v1 ^ v2 ^ v3)
        }

        private mutating func mix(_ rounds: Int) {
            for _ in 0..<rounds {
                v0 &+= v1
                v1 = turned(v1, 13) ^ v0
                v0 = turned(v0, 32)
                v2 &+= v3
                v3 = turned(v3, 16) ^ v2
                v0 &+= v3
                v3 = turned(v3, 21) ^ v0
                v2 &+= v1
                v1 = turned(v1, 17) ^ v2
                v2 = turned(v2, 32)
            }
        }

        private func turned(_ word: UInt64, _ bits: UInt64) -> UInt64 {
            word &<< bits | word &>> (64 - bits)
        }
    }
}
