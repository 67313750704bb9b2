import BPF
import CRecords
import Glibc
import Host

/// The NUMA probe in the kernel. A class because the reader of one signal and the list of hooks
/// share it, and because it adds up what each reading takes out of the kernel.
final class NUMAProbe {
    /// Where the time of page-table scans is taken; the first that the kernel allows is used.
    private enum Timing: String, CaseIterable {
        case fentry, kprobe

        var programs: Set<String> {
            switch self {
            case .fentry: ["on_enter", "on_leave"]
            case .kprobe: ["on_enter_slowly", "on_leave_slowly"]
            }
        }
    }

    private static let scanner = "task_numa_work"
    private static let mover = "mm_migrate_pages"

    private var probe: AttachedProbe
    /// Names of the kernel's reasons for moving pages, by number.
    private let reasons: [Int32: String]
    private var sums: [UInt32: NUMAScan] = [:]

    /// Every hook that this probe wants, attached or not.
    let hooks: [HookState]
    /// Why scans are not told; `nil` when they are.
    let noScans: String?

    init() throws(Unavailable) {
        do throws(ProbeError) {
            let types = try KernelTypes()
            reasons = types.constants(of: "migrate_reason")
            var noScans: String?
            let probe = try Self.attached(on: types, &noScans)
            let refused = noScans.map {
                HookState(probe: "numa", hook: "fentry/\(Self.scanner)", reason: $0)
            }
            hooks = probe.hooks + [refused].compactMap { $0 }
            self.noScans = noScans
            self.probe = probe
        } catch {
            throw Unavailable(error)
        }
    }

    /// Why pages are not told by reason; `nil` when they are.
    var noReasons: String? { hooks.first { $0.hook == Self.mover }?.reason }

    var costs: [HookCost] { probe.costs }
    func mapBytes(_ host: Host) -> UInt64 { probe.mapBytes(host) }

    /// Lets go of threads that have ended.
    func forgetEnded(_ host: Host) {
        guard sums.count > Int(NUMA_THREADS) else { return }
        sums = sums.filter { host.exists("/proc/\($0.key)/stat") }
    }

    /// Running totals by thread.
    func scans() throws(ProbeError) -> [NUMAScan] {
        for entry in try probe.object.drain("scans", key: UInt32(0), value: numa_scan()) {
            let tid = Int32(bitPattern: entry.key)
            sums[entry.key, default: NUMAScan(tid: tid)].add(entry.value)
        }
        return sums.values.sorted { $0.tid < $1.tid }
    }

    /// Pages that were moved, by the kernel's reason.
    func migrated() throws(ProbeError) -> [String: UInt64] {
        let counts = try probe.object.array("migrated", zero: UInt64(0))
        var byReason: [String: UInt64] = [:]
        for (number, count) in counts.enumerated() where count > 0 {
            byReason[Self.shownName(reasons[Int32(number)]), default: 0] += count
        }
        return byReason
    }

    /// Scans of threads that found no room.
    func lost() throws(ProbeError) -> UInt64 {
        try probe.object.array("lost", zero: UInt64(0)).reduce(0, +)
    }

    /// `MR_NUMA_MISPLACED` is `numa_misplaced`. The last constant counts the others.
    static func shownName(_ constant: String?) -> String {
        guard let constant, constant.hasPrefix("MR_"), constant != "MR_TYPES" else {
            return "other"
        }
        return constant.dropFirst(3).lowercased()
    }

    /// With the programs that this kernel takes; `noScans` says why scans are not among what
    /// they see.
    private static func attached(
        on types: borrowing KernelTypes, _ noScans: inout String?
    ) throws(ProbeError) -> AttachedProbe {
        var setup = ProbeSetup()
        var config = numa_config()
        config.`self` = UInt32(bitPattern: getpid())
        config.reason_argument = UInt32(max(1, types.argumentCount(ofTracepoint: mover) ?? 1) - 1)
        setup.constants[".rodata.config"] = bytes(of: config)
        let all = Timing.allCases.reduce(into: Set()) { $0.formUnion($1.programs) }
        var refusals: [String] = []
        for timing in Timing.allCases where types.hasFunction(scanner) {
            setup.without = all.subtracting(timing.programs)
            do throws(ProbeError) {
                return try AttachedProbe(.numa, setup, needed: timing.programs, on: types)
            } catch {
                refusals.append("\(timing.rawValue): \(error.short)")
            }
        }
        noScans =
            refusals.isEmpty
            ? HookState.noFunction
            : "this kernel lets no program see it (\(refusals.joined(separator: "; ")))"
        setup.without = all
        return try AttachedProbe(.numa, setup, needed: [], on: types)
    }
}

extension ProbeError {
    /// What the kernel answered, without advice: where one way is refused to root, more
    /// privileges do not help.
    fileprivate var short: String {
        guard case .refused(let step, let errno, _) = self else { return reason }
        return "\(step.rawValue) refused, \(String(cString: strerror(errno)))"
    }
}

extension NUMAScan {
    fileprivate mutating func add(_ scan: numa_scan) {
        count &+= scan.count
        nanoseconds &+= scan.nanoseconds
        longest = max(longest, scan.longest)
    }
}
