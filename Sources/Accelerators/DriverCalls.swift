import CNVML
import Glibc
import Host

/// Calls into the driver for one device: counted, timed, and visible to the parent while they
/// last. What the device does not support is asked once. A class because the parts of one device
/// share it; only the device's own thread uses it.
final class DriverCalls {
    private let slot: WorkerSlot
    private var unsupported: Set<String> = []
    private(set) var count: UInt64 = 0
    private(set) var nanoseconds: UInt64 = 0
    /// The code of the last call that said that the device is out of reach.
    private(set) var loss: Int32?

    /// GPU_IS_LOST and RESET_REQUIRED.
    private static let losses: Set<Int32> = [15, 16]

    init(slot: WorkerSlot) { self.slot = slot }

    /// The code that `body` answers; "not supported" without calling where that is known.
    func callAsFunction(_ name: String, _ body: () -> Int32) -> Int32 {
        guard !unsupported.contains(name) else { return Int32(NVML_CODE_NOT_SUPPORTED.rawValue) }
        let begin = monotonicNanoseconds()
        slot.enter(name, at: begin)
        let code = body()
        slot.leave()
        count &+= 1
        nanoseconds &+= monotonicNanoseconds() &- begin
        if code == NVML_CODE_NOT_SUPPORTED.rawValue { unsupported.insert(name) }
        if Self.losses.contains(code) { loss = code }
        return code
    }

    /// To be called before each look: a GPU may have come back.
    func forgetLoss() { loss = nil }

    typealias Number = (
        @convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt32>?) -> Int32
    )?
    typealias WideNumber = (
        @convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt64>?) -> Int32
    )?

    /// A function that answers one number.
    func number(_ name: String, _ function: Number, of device: OpaquePointer) -> UInt64? {
        guard let function else { return nil }
        var value: UInt32 = 0
        return self(name) { function(device, &value) } == 0 ? UInt64(value) : nil
    }

    func wideNumber(_ name: String, _ function: WideNumber, of device: OpaquePointer) -> UInt64? {
        guard let function else { return nil }
        var value: UInt64 = 0
        return self(name) { function(device, &value) } == 0 ? value : nil
    }

    typealias KindNumber = (
        @convention(c) (OpaquePointer?, UInt32, UnsafeMutablePointer<UInt32>?) -> Int32
    )?

    /// The same for one of several kinds of clock or sensor.
    func number(
        _ name: String, _ kind: UInt32, _ function: KindNumber, of device: OpaquePointer
    ) -> UInt64? {
        guard let function else { return nil }
        var value: UInt32 = 0
        return self("\(name) \(kind)") { function(device, kind, &value) } == 0
            ? UInt64(value) : nil
    }

    typealias Text = (
        @convention(c) (OpaquePointer?, UnsafeMutablePointer<CChar>?, UInt32) -> Int32
    )?

    func text(_ name: String, _ function: Text, of device: OpaquePointer) -> String? {
        guard let function else { return nil }
        var characters = [CChar](repeating: 0, count: 96)
        let code = self(name) { function(device, &characters, UInt32(characters.count)) }
        return code == 0 ? Accelerators.text(characters) : nil
    }
}
