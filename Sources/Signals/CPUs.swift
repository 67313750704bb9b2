import BPF
import CRecords
import Host

/// What each CPU's time went to.
package struct CPUs: Signal {
    package static let name = "cpu"

    package var cpus: [CPUActivity]
    /// Numbers of roles of which waits are counted apart.
    package static let waitRoles = Int(LEDGER_ROLES)
    /// Slots of each role.
    package static let waitSlotsEach = Int(LEDGER_WAIT_SLOTS)
    /// Waits of watched threads for a CPU, one role after the other: slot n of a role counts those
    /// above 2^(n - 30) s, up to twice as long; its last one all that are longer. Empty without
    /// probes.
    package var waitSlots: [UInt64]
    /// Of all threads on all CPUs.
    package var contextSwitches: UInt64 = 0
    package var gaps: Gaps

    package init(cpus: [CPUActivity] = [], waitSlots: [UInt64] = [], gaps: Gaps = Gaps()) {
        self.cpus = cpus
        self.waitSlots = waitSlots
        self.gaps = gaps
    }

    /// Slots of one role, by its number; empty where none were counted.
    package func waits(ofRole number: Int) -> ArraySlice<UInt64> {
        let begin = number * Self.waitSlotsEach
        guard begin >= 0, begin + Self.waitSlotsEach <= waitSlots.count else { return [] }
        return waitSlots[begin..<begin + Self.waitSlotsEach]
    }

    /// Slots of all roles together.
    package var allWaits: [UInt64] {
        (0..<Self.waitRoles).map(waits).filter { !$0.isEmpty }
            .reduce([UInt64](repeating: 0, count: Self.waitSlotsEach)) { zip($0, $1).map(&+) }
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<CPUs> {
        let host = source.host
        _ = try bytes(of: host)
        let ledger = source.ledger
        return { () throws(Unavailable) in
            let bytes = try bytes(of: host)
            let times = CPUTimes.parse(bytes)
            var cpus =
                switch ledger {
                case .success(let probe): try CPUs(probe, times)
                case .failure(let why): CPUs(times, instead: why)
                }
            cpus.contextSwitches = CPUTimes.contextSwitches(in: bytes)
            return cpus
        }
    }

    package func since(_ earlier: CPUs) -> CPUs {
        let before = Dictionary(earlier.cpus.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        var change = CPUs(
            cpus: cpus.map { now in before[now.id].map { now.since($0) } ?? now },
            waitSlots: growth(waitSlots, earlier.waitSlots), gaps: gaps)
        change.contextSwitches = growth(contextSwitches, earlier.contextSwitches)
        return change
    }

    private static func bytes(of host: Host) throws(Unavailable) -> [UInt8] {
        do throws(FileError) {
            return try host.bytes("/proc/stat")
        } catch {
            throw Unavailable(error)
        }
    }

    private init(_ probe: LedgerProbe, _ times: [CPUTimes]) throws(Unavailable) {
        let records: [ledger_cpu]
        do throws(ProbeError) { records = try probe.cpus() } catch { throw Unavailable(error) }
        let now = monotonicNanoseconds()
        let nanosecondsPerTick = 1_000_000_000 / Host.ticksPerSecond
        self.init()
        for time in times where records.indices.contains(time.id) {
            var cpu = CPUActivity(id: time.id, records[time.id], now: now)
            cpu.steal = time.steal &* nanosecondsPerTick
            cpus.append(cpu)
        }
        waitSlots = records.reduce(
            [UInt64](repeating: 0, count: Self.waitRoles * Self.waitSlotsEach)
        ) {
            zip($0, elements(of: $1.waits, as: UInt64.self)).map(+)
        }
    }

    /// Without probes: whole ticks, and nobody can say which of them were the job's.
    private init(_ times: [CPUTimes], instead why: Unavailable) {
        let nanosecondsPerTick = 1_000_000_000 / Host.ticksPerSecond
        let cpus = times.map { time in
            var cpu = CPUActivity(id: time.id)
            cpu.other = (time.user &+ time.nice) &* nanosecondsPerTick
            cpu.kernel = time.system &* nanosecondsPerTick
            cpu.irq = time.irq &* nanosecondsPerTick
            cpu.softirq = time.softirq &* nanosecondsPerTick
            cpu.idle = (time.idle &+ time.ioWait) &* nanosecondsPerTick
            cpu.steal = time.steal &* nanosecondsPerTick
            return cpu
        }
        self.init(
            cpus: cpus, gaps: Gaps(reasons: ["whole ticks, not by watched thread: \(why.reason)"]))
    }
}

/// Time of one CPU by what it did, ns.
package struct CPUActivity: Equatable, Sendable, Codable {
    package var id: Int
    /// Watched threads, other user threads, kernel threads.
    package var watched: UInt64 = 0
    package var other: UInt64 = 0
    package var kernel: UInt64 = 0
    package var irq: UInt64 = 0
    package var softirq: UInt64 = 0
    package var idle: UInt64 = 0
    /// Taken by the hypervisor (/proc/stat); part of the others, not in addition.
    package var steal: UInt64 = 0

    package init(id: Int) { self.id = id }

    package var total: UInt64 { watched &+ other &+ kernel &+ irq &+ softirq &+ idle }

    /// What the kernel charged, and the stint that still goes on.
    fileprivate init(id: Int, _ record: ledger_cpu, now: UInt64) {
        self.init(id: id)
        let classes = elements(of: record.classes, as: UInt64.self)
        watched = classes[Int(LEDGER_CLASS_WATCHED.rawValue)]
        other = classes[Int(LEDGER_CLASS_OTHER.rawValue)]
        kernel = classes[Int(LEDGER_CLASS_KERNEL.rawValue)]
        idle = classes[Int(LEDGER_CLASS_IDLE.rawValue)]
        irq = record.irq
        softirq = record.softirq
        // A CPU that has not switched yet has been idle since the probe came.
        guard record.since > 0 else { return }
        let interrupts = growth(record.irq + record.softirq, record.interrupted)
        let going = growth(growth(now &+ record.clock_ahead, record.since), interrupts)
        switch ledger_kind(UInt32(record.who >> 32)) {
        case _ where record.watched != 0: watched += going
        case LEDGER_IDLE: idle += going
        case LEDGER_KTHREAD: kernel += going
        default: other += going
        }
    }

    fileprivate func since(_ earlier: CPUActivity) -> CPUActivity {
        var change = self
        for part in Self.parts {
            change[keyPath: part] = growth(self[keyPath: part], earlier[keyPath: part])
        }
        return change
    }

    private static var parts: [WritableKeyPath<CPUActivity, UInt64>] {
        [\.watched, \.other, \.kernel, \.irq, \.softirq, \.idle, \.steal]
    }
}
