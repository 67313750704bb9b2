import BPF
import CRecords
import Glibc
import Host

/// The ledger in the kernel. A class because the signals of one source share it.
package final class LedgerProbe {
    /// Without these there is no ledger; each of the others adds one signal.
    private static let needed: Set<String> = ["on_switch", "open_ledgers", "read_ledgers"]
    /// Stand in for run_delay on kernels that do not keep it.
    private static let wakeups: Set<String> = ["on_wakeup", "on_wakeup_new"]

    /// Memory nodes with CPUs, as the kernel side counts them.
    let nodes: [Int]

    private var probe: AttachedProbe
    private let deaths: RingReader
    private var ended: [ledger_record] = []
    /// Waits that were taken out of the kernel.
    private var settled: [WaitID: Settled] = [:]

    private struct Settled {
        /// Running total, ns.
        var total: UInt64 = 0
        /// When it last grew, CLOCK_MONOTONIC ns.
        var at: UInt64 = 0
    }

    /// Victim and culprit of a wait, as the kernel knows them.
    struct WaitID: Hashable {
        var tid: UInt32
        var culprit: UInt32
        var kind: UInt32
    }

    init(watch: Watch, topology: Topology) throws(Unavailable) {
        do throws(ProbeError) {
            let types = try KernelTypes()
            let nodes = topology.nodesWithCPUs
            var setup = ProbeSetup()
            setup.constants[".rodata.config"] = bytes(of: Self.config(watch, types, nodes))
            let cpus = UInt32(possibleCPUs())
            setup.mapEntries = ["cpus": cpus, "places": cpus]
            if types.hasField("run_delay", of: "sched_info") { setup.without = Self.wakeups }
            let probe = try AttachedProbe(.ledger, setup, needed: Self.needed, on: types)
            try probe.object.setArray("places", Self.places(topology, nodes, Int(cpus)))
            deaths = try RingReader("deaths", of: probe.object)
            self.probe = probe
            self.nodes = nodes
        } catch {
            throw Unavailable(error)
        }
        add(watch.pids)
        if watch.everything { openLedgers() }
    }

    /// Every hook that the ledger wants, attached or not.
    package var hooks: [HookState] { probe.hooks }
    var costs: [HookCost] { probe.costs }
    func mapBytes(_ host: Host) -> UInt64 { probe.mapBytes(host) }

    func leaveOut(_ part: ProbePart, because reason: String) {
        probe.leaveOut(part, because: reason)
    }

    func takeIn(_ part: ProbePart) {
        probe.takeIn(part)
    }

    /// Why time in `hook` cannot be told; `nil` when it can.
    func missing(_ hook: String) -> String? { hooks.first { $0.hook == hook }?.reason }

    /// Watches these processes too, all their threads, from now on.
    package func add(_ pids: [Int32]) {
        guard !pids.isEmpty else { return }
        for pid in pids {
            let id = UInt32(bitPattern: pid)
            if (try? probe.object.set("watched", key: id, value: UInt32(1))) == nil {
                refused += 1
            }
        }
        openLedgers()
        // Only the iterator asks: a table that keeps them would fill, and a pid is used again.
        for pid in pids { probe.object.remove("watched", key: UInt32(bitPattern: pid)) }
    }

    /// Roles as the kernel has them: tid, and a number from 1 below LEDGER_ROLES.
    private var roles: [UInt32: UInt32] = [:]

    /// Has waits counted apart by what these threads do. The others have 0.
    func assign(_ new: [UInt32: UInt32]) {
        guard new != roles else { return }
        for tid in roles.keys where new[tid] == nil { probe.object.remove("roles", key: tid) }
        for (tid, role) in new where roles[tid] != role {
            // Where there is no room it stays among the others.
            _ = try? probe.object.set("roles", key: tid, value: role)
        }
        roles = new
        _ = try? probe.object.iterate("assign_roles", record: UInt8.self)
    }

    /// Processes that found no room in the table of those to be watched.
    private(set) var refused: UInt64 = 0

    /// Opens the ledger of every thread that is to be watched and has none.
    private func openLedgers() {
        _ = try? probe.object.iterate("open_ledgers", record: UInt8.self)
    }

    /// Takes deaths out of the ring buffer before it can fill.
    func drain() { ended += deaths.drain(as: ledger_record.self) }

    /// Records of threads that ended since the last call.
    func takeEnded() -> [ledger_record] {
        drain()
        defer { ended = [] }
        return ended
    }

    func records() throws(ProbeError) -> [ledger_record] {
        try probe.object.iterate("read_ledgers", record: ledger_record.self)
    }

    func cpus() throws(ProbeError) -> [ledger_cpu] {
        try probe.object.array("cpus", zero: ledger_cpu())
    }

    /// Handler time by IRQ number, one value for each possible CPU.
    func irqs() throws(ProbeError) -> [(key: UInt32, values: [ledger_irq])] {
        try probe.object.entries("irqs", key: UInt32(0), value: ledger_irq(), perCPU: true)
    }

    /// Pairs of victim and culprit from which on new ones are put together. Judgement: a quiet host
    /// has hundreds, a storm of short-lived processes makes 10,000 more each second.
    private static let crowd = 4_096

    /// Running totals of waiting by victim and culprit, ns, less what threads still hold. In a
    /// crowd a new pair goes by what `together` makes of it.
    func waits(together: (WaitID) -> WaitID) throws(ProbeError) -> [WaitID: UInt64] {
        let now = monotonicNanoseconds()
        for entry in try probe.object.drain("waits", key: ledger_wait_key(), value: UInt64(0)) {
            let key = entry.key
            var id = WaitID(tid: key.tid, culprit: key.culprit, kind: key.kind)
            if settled.count >= Self.crowd && settled[id] == nil { id = together(id) }
            settled[id, default: Settled()].total += entry.value
            settled[id]?.at = now
        }
        return settled.mapValues(\.total)
    }

    /// Lets go of waits that have not grown since `horizon` and, as `canGoOn` tells, never will.
    /// The answer is the culprits of those that stay.
    func forgetWaits(before horizon: UInt64, _ canGoOn: (WaitID) -> Bool) -> Set<UInt32> {
        settled = settled.filter { $0.value.at >= horizon || canGoOn($0.key) }
        return Set(settled.keys.lazy.map(\.culprit))
    }

    /// The name of a process that ended not long ago.
    func obituary(_ pid: UInt32) -> String? {
        let zero = (0, 0) as (UInt64, UInt64)
        guard let name = try? probe.object.lookup("obituaries", key: pid, zero: zero) else {
            return nil
        }
        return kernelName(elements(of: name, as: UInt8.self))
    }

    private static func config(
        _ watch: Watch, _ types: borrowing KernelTypes, _ nodes: [Int]
    ) -> ledger_config {
        var config = ledger_config()
        config.watch_all = watch.everything ? 1 : 0
        config.`self` = UInt32(bitPattern: getpid())
        config.spawner = watch.children ? UInt32(bitPattern: getpid()) : 0
        config.switch_has_state = types.argumentCount(ofTracepoint: "sched_switch") == 4 ? 1 : 0
        config.nodes = UInt32(nodes.count)
        withUnsafeMutableBytes(of: &config.calls) { calls in
            for (kind, numbers) in systemCalls {
                for number in numbers { calls[number] = UInt8(kind.rawValue) }
            }
        }
        return config
    }

    private static func places(
        _ topology: Topology, _ nodes: [Int], _ count: Int
    ) -> [ledger_place] {
        (0..<count).map { number in
            let cpu = topology.cpu(number)
            let node = cpu?.node.flatMap { nodes.firstIndex(of: $0) }
            return ledger_place(
                cache: UInt32(cpu?.lastLevelCache ?? 0), node: UInt32(node ?? 0))
        }
    }
}

/// A comm field: bytes up to the first NUL, repaired where they are not UTF-8.
func kernelName(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
}
