import Host
import Synchronization

/// One device and the thread that alone asks its driver: one that hangs costs only its own data.
/// A class because that thread and the one that answers share it.
final class DeviceThread: Sendable {
    let pci: String
    private let slot: WorkerSlot
    private let due: Signpost
    private let done: Signpost
    private let state: Mutex<State>

    /// Reads the device; made and used by its thread.
    typealias Look = () -> DeviceReport
    typealias Open = @Sendable () throws(WorkerFailure) -> Look

    private struct State {
        var report: DeviceReport
        var isBusy = false
        var askedAt: UInt64 = 0
    }

    /// Once a second, with room for a clock that ticks a little early.
    private static let shortestStep: UInt64 = 900_000_000
    /// A device that is lost, or that cannot be opened, is tried again after this long.
    private static let lostStep: UInt64 = 30_000_000_000
    /// From here on it is said that a device does not answer, and nobody waits for it.
    private static let patience: UInt64 = 2_000_000_000

    /// `nil` when there can be no more threads or descriptors.
    init?(pci: String, slot: WorkerSlot, done: Signpost, open: @escaping Open) {
        guard let due = Signpost() else { return nil }
        self.pci = pci
        self.slot = slot
        self.due = due
        self.done = done
        state = Mutex(
            State(report: DeviceReport(pci: pci, facts: nil, reading: GPUReading(pci: pci))))
        slot.name(pci)
        guard onNewThread({ self.run(open) }) else { return nil }
    }

    private func run(_ open: Open) {
        var look: Look?
        while true {
            due.wait()
            let report = Self.report(pci, &look, open)
            // A handle to a lost GPU stays lost.
            if report?.reading?.isLost == true { look = nil }
            state.withLock { state in
                state.isBusy = false
                if let report { state.report.update(report) }
            }
            done.raise()
        }
    }

    private static func report(_ pci: String, _ look: inout Look?, _ open: Open) -> DeviceReport? {
        do throws(WorkerFailure) {
            if look == nil { look = try open() }
            return look?()
        } catch {
            var reading = GPUReading(pci: pci)
            reading.trouble = error.reason
            reading.isLost = true
            return DeviceReport(pci: pci, facts: nil, reading: reading)
        }
    }

    /// Has the device read if that is due.
    func ask() {
        let now = monotonicNanoseconds()
        let isDue = state.withLock { state in
            let step =
                state.report.reading?.isLost == true ? Self.lostStep : Self.shortestStep
            guard !state.isBusy, state.askedAt == 0 || now &- state.askedAt >= step else {
                return false
            }
            (state.isBusy, state.askedAt) = (true, now)
            return true
        }
        if isDue { due.raise() }
    }

    /// It is being read, and has not been for long.
    var isWorthWaitingFor: Bool {
        let now = monotonicNanoseconds()
        return state.withLock { $0.isBusy && now &- $0.askedAt < Self.patience }
    }

    var report: DeviceReport {
        let now = monotonicNanoseconds()
        var (report, silent) = state.withLock { state in
            (state.report, state.isBusy ? now &- state.askedAt : 0)
        }
        if silent >= Self.patience {
            let call = slot.open.map { " (in \($0.call))" } ?? ""
            report.reading?.trouble = "has not answered for \(silent / 1_000_000_000) s\(call)"
        }
        return report
    }
}

extension DeviceReport {
    /// A device that cannot be read keeps its last figures, with the reason beside them.
    fileprivate mutating func update(_ newer: DeviceReport) {
        facts = newer.facts ?? facts
        guard let fresh = newer.reading else { return }
        if fresh.takenAt > 0 || reading == nil {
            reading = fresh
        } else {
            reading?.trouble = fresh.trouble
            reading?.isLost = fresh.isLost
        }
    }
}
