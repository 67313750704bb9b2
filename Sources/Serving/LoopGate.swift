import NIOCore
import Synchronization

/// Lets other threads hand work to the server's thread until it stops. A class because they share
/// it: a loop that has stopped must not be handed anything.
final class LoopGate: Sendable {
    private let isOpen = Mutex(true)

    func pass(to loop: any EventLoop, _ work: @escaping @Sendable () -> Void) {
        isOpen.withLock { isOpen in
            if isOpen { loop.execute(work) }
        }
    }

    func close() { isOpen.withLock { $0 = false } }
}
