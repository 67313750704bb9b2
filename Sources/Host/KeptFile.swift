import Glibc

/// A small kernel file that is read many times a second: opening it anew would cost more than all
/// the rest. A class because it closes itself when nobody keeps it any more.
package final class KeptFile {
    private let descriptor: CInt

    /// `nil` when it cannot be opened.
    package init?(_ path: String, on host: Host) {
        descriptor = open(host.root + path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// The first `count` numbers of its one line, in the storage of `numbers`; false when what it was
    /// about is gone, or has fewer.
    package func read(_ count: Int, into numbers: inout [UInt64]) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 1) { buffer in
            let size = pread(descriptor, buffer.baseAddress, buffer.count, 0)
            numbers.removeAll(keepingCapacity: true)
            var index = 0
            while numbers.count < count, index < size {
                guard let number = Self.number(in: buffer[..<size], at: &index) else {
                    return false
                }
                numbers.append(number)
            }
            return numbers.count == count
        }
    }

    /// Digits up to a blank or the end; `nil` for anything else, and for what does not fit.
    private static func number(
        in bytes: Slice<UnsafeMutableRawBufferPointer>, at index: inout Int
    ) -> UInt64? {
        var value: UInt64 = 0
        let start = index
        while index < bytes.endIndex, bytes[index] > 32 {
            let digit = bytes[index] &- UInt8(ascii: "0")
            let (tens, tooMany) = value.multipliedReportingOverflow(by: 10)
            let (sum, tooLarge) = tens.addingReportingOverflow(UInt64(digit))
            guard digit <= 9, !tooMany, !tooLarge else { return nil }
            value = sum
            index += 1
        }
        guard index > start else { return nil }
        index += 1
        return value
    }
}
