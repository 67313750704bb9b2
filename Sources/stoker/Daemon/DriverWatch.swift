import Accelerators
import Host
import Signals

/// Notices a GPU driver that is loaded after the daemon's start, as one from a container is. It can
/// only be seen by a new start: privileges are given away by then, and systemd lets a service use
/// those devices alone that the kernel knew when it was started.
struct DriverWatch {
    /// Between two looks, ns. Judgement: loading a driver takes longer.
    private static let pause: UInt64 = 10_000_000_000

    private var isWaiting: Bool
    private var lookedAt = monotonicNanoseconds()

    /// `hasWorker`: the drivers are asked already.
    init(hasWorker: Bool) { isWaiting = !hasWorker }

    /// True once, when there is a driver that was not there before.
    mutating func hasCome(on host: Host) -> Bool {
        let now = monotonicNanoseconds()
        guard isWaiting, now &- lookedAt >= Self.pause else { return false }
        lookedAt = now
        isWaiting = GPUDrivers(on: host).isEmpty
        return !isWaiting
    }
}
