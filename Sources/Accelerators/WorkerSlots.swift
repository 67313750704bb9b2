import CNVML
import Glibc

/// What the worker's threads are doing, in memory that it shares with its parent: see slots.h.
struct WorkerSlots: @unchecked Sendable {
    private let start: UnsafeMutablePointer<worker_slot>
    static let count = Int(WORKER_SLOTS)

    /// Lives as long as the process does; `nil` when the memory cannot be had.
    init?(descriptor: CInt) {
        let size = Self.count * MemoryLayout<worker_slot>.stride
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size >= size,
            let address = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            address != MAP_FAILED
        else { return nil }
        start = address.bindMemory(to: worker_slot.self, capacity: Self.count)
    }

    /// For a worker that somebody starts by hand.
    init() {
        start = .allocate(capacity: Self.count)
        start.initialize(repeating: worker_slot(), count: Self.count)
    }

    /// Not to be used again by anyone.
    func unmap() {
        munmap(start, Self.count * MemoryLayout<worker_slot>.stride)
    }

    subscript(index: Int) -> WorkerSlot {
        WorkerSlot(pointer: start + min(max(index, 0), Self.count - 1))
    }

    /// Calls that were begun and have not come back.
    var open: [OpenCall] { (0..<Self.count).compactMap { self[$0].open } }
}

/// A call that has not come back.
struct OpenCall: Equatable {
    /// PCI address; empty for a call that is of no single GPU.
    var device: String
    var call: String
    /// CLOCK_MONOTONIC, ns.
    var since: UInt64
}

/// The place of one thread.
struct WorkerSlot: @unchecked Sendable {
    fileprivate let pointer: UnsafeMutablePointer<worker_slot>

    func name(_ device: String) { worker_slot_name(pointer, device) }

    func enter(_ call: String, at now: UInt64) { worker_slot_enter(pointer, call, now) }

    func leave() { worker_slot_leave(pointer) }

    var open: OpenCall? {
        let since = worker_slot_since(pointer)
        guard since > 0 else { return nil }
        let slot = pointer.pointee
        return OpenCall(
            device: string(slot.device), call: string(slot.call), since: since)
    }

    private func string<Characters>(_ characters: Characters) -> String {
        withUnsafeBytes(of: characters) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
