import Accelerators
import BPF
import CRecords
import Host

/// The probe at the NVIDIA driver's report of errors. A class because the reader of one signal and
/// the list of hooks share it. While it is attached the driver's module cannot be unloaded.
final class GPUProbe {
    private var probe: AttachedProbe
    private let ring: RingReader

    /// Throws where the driver has no such tracepoint, as before 575.51.02 and in the module that
    /// is not open (open-gpu-kernel-modules, nv-tracepoint.h).
    init() throws(Unavailable) {
        do throws(ProbeError) {
            let types = try KernelTypes()
            probe = try AttachedProbe(.gpu, ProbeSetup(), needed: ["on_xid"], on: types)
            ring = try RingReader("xids", of: probe.object)
        } catch {
            throw Unavailable(error)
        }
    }

    var hooks: [HookState] { probe.hooks }
    var costs: [HookCost] { probe.costs }
    func mapBytes(_ host: Host) -> UInt64 { probe.mapBytes(host) }

    /// What was reported since the last call, oldest first.
    func news() -> [DeviceXID] {
        ring.drain(as: gpu_xid.self).compactMap { record in
            DeviceXID(
                device: kernelName(elements(of: record.device, as: UInt8.self)),
                xid: XID(time: record.at, code: Int(record.code)))
        }
    }

    /// XIDs that found no room.
    func lost() throws(ProbeError) -> UInt64 {
        try probe.object.array("lost", zero: UInt64(0)).reduce(0, +)
    }
}
