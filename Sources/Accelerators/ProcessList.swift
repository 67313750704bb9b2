/// The list of processes on a GPU. Drivers 535.43 to 535.86 write entries of 32 bytes where all
/// others write 24, by the same function name. So the room is filled with a byte that no entry
/// ends in, and what was written over it tells.
enum ProcessList {
    static let filler: UInt8 = 0xaa
    /// Bytes to have ready for each entry asked for.
    static let widest = 32

    /// The pids of `count` entries at the start of `bytes`; `nil` when the layout is not known.
    static func pids(in bytes: [UInt8], count: Int) -> [Int32]? {
        guard count > 0 else { return count == 0 ? [] : nil }
        let written = (bytes.lastIndex { $0 != filler } ?? -1) + 1
        let (stride, rest) = written.quotientAndRemainder(dividingBy: count)
        guard rest == 0, stride == 24 || stride == 32 else { return nil }
        return (0..<count).map { entry in
            let start = entry * stride
            let raw = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << ($1 * 8) }
            return Int32(bitPattern: raw)
        }
    }
}
