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

    /// Its content now, at most `limit` bytes; `nil` when what it was about is gone.
    package func bytes(limit: Int = 256) -> [UInt8]? {
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            result = pread(descriptor, buffer.baseAddress, limit, 0)
            count = max(result, 0)
        }
        return result >= 0 ? bytes : nil
    }
}
