import CLibbpf
import Glibc

extension LoadedObject {
    /// Runs an iterator program over every object of its kind; returns the records it wrote.
    package borrowing func iterate<Record: BitwiseCopyable>(
        _ name: String, record: Record.Type
    ) throws(ProbeError) -> [Record] {
        guard let link = bpf_program__attach_iter(try program(name), nil) else {
            throw .refused(step: .attach, errno: errno, detail: takeWarning())
        }
        defer { bpf_link__destroy(link) }
        let descriptor = bpf_iter_create(bpf_link__fd(link))
        guard descriptor >= 0 else {
            throw .refused(step: .read, errno: -descriptor, detail: "")
        }
        defer { close(descriptor) }
        return try Self.records(from: descriptor)
    }

    private static func records<Record: BitwiseCopyable>(
        from descriptor: CInt
    ) throws(ProbeError) -> [Record] {
        let size = MemoryLayout<Record>.stride
        var records: [Record] = []
        var buffer = [UInt8](repeating: 0, count: 256 * size)
        var filled = 0
        while true {
            let room = buffer.count - filled
            let count = buffer.withUnsafeMutableBytes { bytes in
                read(descriptor, bytes.baseAddress.map { $0 + filled }, room)
            }
            if count < 0 && (errno == EINTR || errno == EAGAIN) { continue }
            guard count >= 0 else { throw .refused(step: .read, errno: errno, detail: "") }
            filled += count
            let whole = filled / size
            buffer.withUnsafeBytes { bytes in
                for index in 0..<whole {
                    records.append(
                        bytes.loadUnaligned(fromByteOffset: index * size, as: Record.self))
                }
            }
            buffer.removeSubrange(..<(whole * size))
            buffer += [UInt8](repeating: 0, count: whole * size)
            filled -= whole * size
            guard count > 0 else { return records }
        }
    }
}

/// The reading end of a ring buffer whose events are all of one record type.
package struct RingReader: ~Copyable {
    private let ring: OpaquePointer
    private let sink: UnsafeMutablePointer<[UInt8]>

    package init(_ name: String, of object: borrowing LoadedObject) throws(ProbeError) {
        let descriptor = bpf_map__fd(try object.map(name))
        let sink = UnsafeMutablePointer<[UInt8]>.allocate(capacity: 1)
        sink.initialize(to: [])
        let ring = ring_buffer__new(
            descriptor,
            { context, bytes, size in
                guard let context, let bytes else { return 0 }
                context.assumingMemoryBound(to: [UInt8].self).pointee
                    .append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: size))
                return 0
            }, sink, nil)
        guard let ring else {
            let reason = errno
            sink.deinitialize(count: 1)
            sink.deallocate()
            throw .refused(step: .read, errno: reason, detail: takeWarning())
        }
        self.ring = ring
        self.sink = sink
    }

    deinit {
        ring_buffer__free(ring)
        sink.deinitialize(count: 1)
        sink.deallocate()
    }

    /// Everything that came since the last call, oldest first.
    package borrowing func drain<Record: BitwiseCopyable>(as type: Record.Type) -> [Record] {
        ring_buffer__consume(ring)
        defer { sink.pointee.removeAll(keepingCapacity: true) }
        let size = MemoryLayout<Record>.stride
        return sink.pointee.withUnsafeBytes { bytes in
            (0..<(bytes.count / size)).map {
                bytes.loadUnaligned(fromByteOffset: $0 * size, as: Record.self)
            }
        }
    }
}

/// Swift imports a C array as a tuple; this copies a tuple of equal elements into an array.
package func elements<Tuple: BitwiseCopyable, Element: BitwiseCopyable>(
    of tuple: Tuple, as type: Element.Type
) -> [Element] {
    withUnsafeBytes(of: tuple) { Array($0.bindMemory(to: Element.self)) }
}

/// The bytes of a record, as the kernel wants them.
package func bytes<Record: BitwiseCopyable>(of record: Record) -> [UInt8] {
    withUnsafeBytes(of: record) { Array($0) }
}
