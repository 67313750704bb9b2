import Host
import Signals
import Training

/// Address-table flushes that CPUs of the job are interrupted for, and who causes them.
struct TLBShootdowns: Sendable {
    static let perSecond = Limit(
        1_000, "1/s", source: "judgement: idle and computing hosts see tens")
    static let handlerShare = Limit(1, "%", source: "judgement: 1 % of step time is worth a change")
    static let systemShare = Limit(
        30, "%", source: "judgement: a program that computes spends a few percent in the kernel")
    /// Time in the handler counts as flushes only where there are flushes at all.
    static let someFlushes = 100.0
    static let minorFaults = 1_000.0  // a second and process; unmapped memory is touched anew
    /// Faults in each second of running: at half a microsecond or more each, several percent of
    /// it. System time alone is not enough: short bursts hide between the ticks that sample it.
    static let faultsPerRunningSecond = 50_000.0

    /// Of the worst CPU that watched threads use.
    var flushesPerSecond = 0.0
    var handlerPercent = 0.0
    var worstCPU: Int?
    /// Flushes a second by CPU.
    var rates: [Int: Double] = [:]
    /// Part of the watched threads' interrupt time that was flushes and calls, 0 to 1.
    var partOfInterrupts = 0.0
    /// Processes that keep changing their address space, the worst first.
    var stormers: [Int32] = []
    /// Processes behind which the storm makes threads wait: the storming ones, and the whole job
    /// where it would have CPUs enough without the storming threads.
    var crowding: Set<Int32> = []

    var isStorm: Bool {
        worstCPU != nil
    }

    init(_ observation: Observation, _ threads: Threads, _ interrupts: Interrupts) {
        let window = observation.whole
        let active = threads.threads.lazy.filter { $0.time[.running] > 0 }
        let flushes = interrupts.row("TLB")
        let calls = interrupts.row("CAL")
        for cpu in Set(active.map(\.cpu)).sorted() {
            let rate = window.perSecond(flushes?.counts.at(cpu) ?? 0)
            rates[cpu] = rate
            let time = (calls?.nanoseconds.at(cpu) ?? 0) &+ (flushes?.nanoseconds.at(cpu) ?? 0)
            let percent =
                window.nanoseconds > 0
                ? 100 * Double(time) / Double(window.nanoseconds) : 0
            let isLong = Self.handlerShare.isReached(by: percent) && rate >= Self.someFlushes
            guard Self.perSecond.isReached(by: rate) || isLong,
                worstCPU == nil || rate > flushesPerSecond
            else { continue }
            (worstCPU, flushesPerSecond, handlerPercent) = (cpu, rate, percent)
        }
        guard isStorm else { return }
        let all = interrupts.lines.reduce(UInt64(0)) { $0 &+ $1.watchedNanoseconds.total }
        let part =
            (flushes?.watchedNanoseconds.total ?? 0) &+ (calls?.watchedNanoseconds.total ?? 0)
        partOfInterrupts = all > 0 ? Double(part) / Double(all) : 0
        stormers = Self.stormers(observation, threads)
        crowding = Set(stormers)
        let calm = threads.threads.filter { !stormers.contains($0.pid) || !Self.isStorming($0) }
        let demand = calm.reduce(UInt64(0)) { $0 &+ $1.time[.running] &+ $1.time[.waiting] }
        let cpus = Double(max(observation.facts.topology.online.count, 1))
        if !stormers.isEmpty && window.perSecond(demand) / 1e9 <= cpus {
            crowding.formUnion(threads.threads.map(\.pid))
        }
    }

    /// Processes of two running threads or more (else there is nobody to interrupt) in which some
    /// thread does little but change its address space.
    private static func stormers(_ observation: Observation, _ threads: Threads) -> [Int32] {
        let candidates = Dictionary(grouping: threads.threads, by: \.pid).filter { pid, members in
            let faults = members.reduce(UInt64(0)) { $0 &+ $1.minorFaults }
            return pid > 0 && members.filter { $0.time[.running] > 0 }.count >= 2
                && (observation.whole.perSecond(faults) >= minorFaults
                    || members.contains { $0.mmapLock > 0 })
                && members.contains(where: isStorming)
        }
        func faults(_ pid: Int32) -> UInt64 {
            (candidates[pid] ?? []).reduce(0) { $0 &+ $1.minorFaults }
        }
        return candidates.keys.sorted { (faults($0), $1) > (faults($1), $0) }
    }

    private static func isStorming(_ thread: ThreadActivity) -> Bool {
        let running = thread.time[.running]
        guard running > 0, thread.minorFaults > 0 || thread.mmapLock > 0 else { return false }
        return systemShare.isReached(by: 100 * Double(thread.systemTime) / Double(running))
            || Double(thread.minorFaults) * 1e9 / Double(running) >= faultsPerRunningSecond
    }

    /// What the storm takes from one thread: interrupts, and the fight for the address space.
    func interruptTime(_ thread: ThreadActivity) -> UInt64 {
        scaled(thread.time[.irq], by: partOfInterrupts)
    }

    func lockTime(_ thread: ThreadActivity) -> UInt64 {
        stormers.contains(thread.pid) ? thread.mmapLock : 0
    }

    func waits(_ threads: Threads) -> [Wait] {
        threads.waits.filter {
            $0.culprit.kind == .process && crowding.contains($0.culprit.id)
        }
    }
}

extension PerCPU {
    /// The number of one CPU; 0 for a CPU that is not listed.
    fileprivate func at(_ cpu: Int) -> UInt64 { indices.contains(cpu) ? self[cpu] : 0 }
}

extension Fix {
    /// Makes the C library keep memory that a program frees; taken up when the job starts.
    static let keepFreedMemory = Fix(
        commands: [
            // 32 MiB is the largest threshold that glibc takes on 64-bit machines.
            "export MALLOC_TRIM_THRESHOLD_=-1 MALLOC_MMAP_THRESHOLD_=33554432"
        ],
        persist: ["# the same line in the script that starts the job"],
        rollback: ["unset MALLOC_TRIM_THRESHOLD_ MALLOC_MMAP_THRESHOLD_"],
        risk: "takes effect when the job is started anew; the job keeps more memory")
}
