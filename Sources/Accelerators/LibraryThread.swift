import CNVML
import Host
import Synchronization

/// Loads NVIDIA's library and finds its GPUs, on a thread of its own: starting the driver takes
/// seconds without persistence mode, and may hang. A class because that thread and the one that
/// answers share it.
final class LibraryThread: Sendable {
    private let path: String
    private let host: Host
    private let slots: WorkerSlots
    private let done: Signpost
    private let epoch: UInt64
    private let state = Mutex(State())

    private struct State {
        var threads: [DeviceThread] = []
        var trouble: LibraryTrouble?
        var isStarting = true
    }

    /// The driver may be loaded, or the library replaced, while Stoker looks.
    private static let retry: UInt64 = 60_000
    private static let patience: UInt64 = 2_000_000_000

    init(path: String, host: Host, slots: WorkerSlots, done: Signpost, epoch: UInt64) {
        self.path = path
        self.host = host
        self.slots = slots
        self.done = done
        self.epoch = epoch
        guard onNewThread({ self.run() }) else {
            state.withLock {
                $0 = State(trouble: LibraryTrouble(reason: "no more threads"), isStarting: false)
            }
            return
        }
    }

    var threads: [DeviceThread] { state.withLock { $0.threads } }

    var isStarting: Bool { state.withLock { $0.isStarting } }

    var trouble: LibraryTrouble? {
        if let open = slots[0].open {
            let silent = monotonicNanoseconds() &- open.since
            if silent >= Self.patience {
                return LibraryTrouble(
                    reason: "the NVIDIA driver has not answered for "
                        + "\(silent / 1_000_000_000) s (in \(open.call))")
            }
        }
        return state.withLock { state in
            state.isStarting
                ? LibraryTrouble(reason: "the NVIDIA driver is still starting") : state.trouble
        }
    }

    private func run() {
        while true {
            do throws(WorkerFailure) {
                try start()
                return
            } catch {
                state.withLock {
                    $0.trouble = LibraryTrouble(reason: error.reason, code: error.code)
                    $0.isStarting = false
                }
            }
            done.raise()
            Signpost()?.wait(milliseconds: Self.retry)
        }
    }

    private func start() throws(WorkerFailure) {
        let calls = DriverCalls(slot: slots[0])
        slots[0].enter("dlopen", at: monotonicNanoseconds())
        defer { slots[0].leave() }
        let library = try NVMLLibrary(path: path)
        let code = calls("nvmlInit_v2") { library.functions.`init`() }
        guard code == 0 else { throw WorkerFailure(NVMLLibrary.sentence(code), code: code) }
        // The folder lists each GPU without asking it.
        let listed = host.names(in: "/proc/driver/nvidia/gpus").compactMap { pciAddress($0) }
        let found = listed.isEmpty ? try library.addresses(calls) : listed
        let (epoch, host) = (epoch, host)
        let threads = found.prefix(WorkerSlots.count - 1).enumerated().compactMap { index, pci in
            let slot = slots[index + 1]
            return DeviceThread(pci: pci, slot: slot, done: done) {
                () throws(WorkerFailure) -> DeviceThread.Look in
                let device = try NVMLDevice(
                    library, pci: pci, slot: slot, host: host, epoch: epoch)
                return { device.look() }
            }
        }
        state.withLock { $0 = State(threads: threads, trouble: nil, isStarting: false) }
        done.raise()
    }
}

extension NVMLLibrary {
    /// PCI addresses by asking for each GPU.
    fileprivate func addresses(_ calls: DriverCalls) throws(WorkerFailure) -> [String] {
        var count: UInt32 = 0
        let code = calls("nvmlDeviceGetCount_v2") { functions.count(&count) }
        guard code == 0 else { throw WorkerFailure(NVMLLibrary.sentence(code), code: code) }
        return (0..<min(count, UInt32(WorkerSlots.count))).compactMap { index in
            var device: OpaquePointer?
            var pci = nvml_pci()
            guard
                calls("nvmlDeviceGetHandleByIndex_v2", { functions.by_index(index, &device) }) == 0,
                calls("nvmlDeviceGetPciInfo_v3", { functions.pci(device, &pci) }) == 0
            else { return nil }
            return withUnsafeBytes(of: pci.bus_id) { bytes in
                pciAddress(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
            }
        }
    }
}
