import CZlib
import NIOCore

/// One compressor for all responses, one after the other: it keeps 260 kB that would be cleared by
/// the kernel for each of them otherwise.
struct Gzip: ~Copyable {
    // zlib keeps the address.
    private let stream: UnsafeMutablePointer<z_stream>

    /// A quarter of the time of the default, and 17 kB of 136 kB of metrics; ECOSYSTEM.md 0.
    private static let level: CInt = 1
    /// 15: the usual window; 16: gzip's frame.
    private static let windowBits: CInt = 15 + 16

    init?() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = deflateInit2_(
            stream, Self.level, Z_DEFLATED, Self.windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            CInt(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// `nil` when it cannot be done; it is sent as it is then.
    func compressed(_ text: String) -> ByteBuffer? {
        var text = text
        return text.withUTF8 { input -> ByteBuffer? in
            guard let size = uInt(exactly: input.count), deflateReset(stream) == Z_OK else {
                return nil
            }
            guard let room = uInt(exactly: deflateBound(stream, uLong(size))) else { return nil }
            let output = [UInt8](unsafeUninitializedCapacity: Int(room)) { output, count in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = size
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = room
                let isDone = deflate(stream, Z_FINISH) == Z_STREAM_END
                count = isDone ? Int(room - stream.pointee.avail_out) : 0
            }
            return output.isEmpty ? nil : ByteBuffer(bytes: output)
        }
    }
}
