import CZlib

/// The largest row before compression. Judgement: a row of 10,000 threads has less than one.
private let mostBytes = 16 << 20

/// Bytes as zlib packs them at its fastest, after their number.
func compressed(_ bytes: [UInt8]) throws(Corruption) -> [UInt8] {
    guard bytes.count <= mostBytes else { throw Corruption("a row is too large") }
    var length = compressBound(UInt(bytes.count))
    var packed = [UInt8](repeating: 0, count: 4 + Int(length))
    let status = packed.withUnsafeMutableBytes { room in
        room.storeBytes(of: UInt32(bytes.count).littleEndian, as: UInt32.self)
        return bytes.withUnsafeBytes { bytes in
            compress2(
                room.baseAddress.map { ($0 + 4).assumingMemoryBound(to: Bytef.self) }, &length,
                bytes.baseAddress?.assumingMemoryBound(to: Bytef.self), UInt(bytes.count),
                Z_BEST_SPEED)
        }
    }
    guard status == Z_OK else { throw Corruption("zlib says \(status)") }
    packed.removeLast(packed.count - 4 - Int(length))
    return packed
}

/// What `compressed` packed. Never takes more room than it says beforehand, nor than a row may have.
func inflated(_ packed: [UInt8]) throws(Corruption) -> [UInt8] {
    guard packed.count > 4 else { throw Corruption("a row is cut off") }
    let count = packed.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    guard count <= mostBytes else { throw Corruption("a row is too large") }
    var bytes = [UInt8](repeating: 0, count: count)
    var (length, used) = (UInt(count), UInt(packed.count - 4))
    let status = bytes.withUnsafeMutableBytes { room in
        packed.withUnsafeBytes { packed in
            uncompress2(
                room.baseAddress?.assumingMemoryBound(to: Bytef.self), &length,
                packed.baseAddress.map { ($0 + 4).assumingMemoryBound(to: Bytef.self) }, &used)
        }
    }
    guard status == Z_OK, length == UInt(count), used == UInt(packed.count - 4) else {
        throw Corruption("a row is damaged")
    }
    return bytes
}
