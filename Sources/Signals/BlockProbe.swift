import BPF
import CRecords
import Host

/// The block probe in the kernel. A class because the reader of one signal and the list of
/// hooks share it.
final class BlockProbe {
    private var probe: AttachedProbe

    init() throws(Unavailable) {
        do throws(ProbeError) {
            let types = try KernelTypes()
            probe = try AttachedProbe(.block, ProbeSetup(), needed: ["on_complete"], on: types)
        } catch {
            throw Unavailable(error)
        }
    }

    var hooks: [HookState] { probe.hooks }
    var costs: [HookCost] { probe.costs }
    func mapBytes(_ host: Host) -> UInt64 { probe.mapBytes(host) }

    func leaveOut(_ part: ProbePart, because reason: String) {
        probe.leaveOut(part, because: reason)
    }

    func takeIn(_ part: ProbePart) {
        probe.takeIn(part)
    }

    struct Device: Hashable {
        var major: Int
        var minor: Int
    }

    /// Completed requests by device and power of two of their time in us.
    func latencies() throws(ProbeError) -> [Device: [UInt64]] {
        let entries = try probe.object.entries(
            "devices", key: block_device_key(), value: block_latency(), perCPU: true)
        var slots: [Device: [UInt64]] = [:]
        for entry in entries {
            let device = Device(major: Int(entry.key.major), minor: Int(entry.key.minor))
            slots[device] = entry.values.reduce([UInt64](repeating: 0, count: Int(BLOCK_SLOTS))) {
                zip($0, elements(of: $1.slots, as: UInt64.self)).map(+)
            }
        }
        return slots
    }

    /// Requests of devices that found no room.
    func lost() throws(ProbeError) -> UInt64 {
        try probe.object.array("lost", zero: UInt64(0)).reduce(0, +)
    }
}

extension Disks {
    /// Adds the probe's latencies to the totals of /proc/diskstats.
    mutating func addLatencies(from block: Result<BlockProbe, Unavailable>) {
        do throws(Unavailable) {
            let probe = try block.get()
            do throws(ProbeError) {
                let latencies = try probe.latencies()
                for index in disks.indices {
                    let device = BlockProbe.Device(
                        major: disks[index].major, minor: disks[index].minor)
                    disks[index].latencySlots =
                        latencies[device] ?? [UInt64](repeating: 0, count: Int(BLOCK_SLOTS))
                }
                gaps.lost += try probe.lost()
                let hook = probe.hooks.first { $0.hook == "block_rq_complete" }
                if let why = hook?.reason {
                    gaps.reasons.append("no latency distribution: \(why)")
                }
            } catch {
                throw Unavailable(error)
            }
        } catch {
            gaps.reasons.append("no latency distribution: \(error.reason)")
        }
    }
}
