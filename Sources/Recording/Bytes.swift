/// Why bytes are not what a recording would hold.
struct Corruption: Error, Equatable {
    var reason: String

    init(_ reason: String) { self.reason = reason }
}

/// Numbers as bytes: seven bits in each, the lowest first, the eighth set where more follow.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func append(_ text: String) {
        append(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Empties it, and keeps the room.
    mutating func clear() { bytes.removeAll(keepingCapacity: true) }
}

/// Reads what `ByteWriter` wrote, and nothing beyond its end.
struct ByteReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    var left: Int { bytes.count - position }

    mutating func number() throws(Corruption) -> UInt64 {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            let part = UInt64(byte & 0x7f)
            guard shift < 63 || part <= 1 else { break }
            number |= part << shift
            if byte < 0x80 { return number }
            shift += 7
            guard shift < 64 else { break }
        }
        throw Corruption("a number is cut off")
    }

    /// A number of things that take at least a byte each.
    mutating func count() throws(Corruption) -> Int {
        let count = try number()
        guard count <= UInt64(left) else { throw Corruption("a count is beyond the end") }
        return Int(count)
    }

    mutating func take(_ count: Int) throws(Corruption) -> [UInt8] {
        guard count <= left else { throw Corruption("bytes are missing") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func text() throws(Corruption) -> String {
        guard let text = String(validating: try take(try count()), as: UTF8.self) else {
            throw Corruption("a text is not UTF-8")
        }
        return text
    }
}

/// Small numbers of either sign as small numbers without one.
func zigzag(_ number: Int64) -> UInt64 {
    UInt64(bitPattern: number) << 1 ^ UInt64(bitPattern: number >> 63)
}

func unzigzag(_ number: UInt64) -> Int64 {
    Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
}
