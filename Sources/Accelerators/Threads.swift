import CNVML
import Glibc

/// Runs `body` on a thread of its own; false when there can be no more threads. `waits`: until
/// `body` has ended.
func onNewThread(waits: Bool = false, _ body: @escaping @Sendable () -> Void) -> Bool {
    let box = Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    guard pthread_create(&thread, nil, { runThread($0) }, box.toOpaque()) == 0 else {
        box.release()
        return false
    }
    if waits { pthread_join(thread, nil) } else { pthread_detach(thread) }
    return true
}

/// A class because the C library hands one pointer to the new thread, and nobody else has it.
private final class ThreadBody: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func runThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().body()
    return nil
}

/// A counter of the kernel that one thread raises and another waits for.
struct Signpost: Sendable {
    let descriptor: CInt

    /// `nil` when there are no descriptors left.
    init?() {
        descriptor = event_counter()
        guard descriptor >= 0 else { return nil }
    }

    func raise() {
        var one: UInt64 = 1
        write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Waits without end.
    func wait() {
        var count: UInt64 = 0
        while read(descriptor, &count, MemoryLayout<UInt64>.size) < 0 && errno == EINTR {}
    }

    func wait(milliseconds: UInt64) {
        var entry = pollfd(descriptor: descriptor)
        if poll(&entry, 1, CInt(clamping: milliseconds)) > 0 { wait() }
    }
}

extension pollfd {
    /// To be told when there is something to read.
    init(descriptor: CInt) { self.init(fd: descriptor, events: Int16(POLLIN), revents: 0) }
}
