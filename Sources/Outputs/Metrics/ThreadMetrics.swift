import Signals
import Training

// What the watched threads did with their time.
let threadFamilies = [
    MetricFamily(
        "stoker_thread_seconds_total", .counter, ["role", "state"],
        most: Role.allCases.count * ThreadState.allCases.count, from: Threads.name,
        "Time of watched threads by what they did: each nanosecond counts in one state."),
    MetricFamily(
        "stoker_wait_seconds_total", .counter, ["role", "culprit"], most: 160,
        from: Threads.name,
        "Time that watched threads waited for a CPU, by who had it: a process, a kernel thread, or (idle), (yield), (stoker), (unknown), (other)."
    ),
    MetricFamily(
        "stoker_stall_seconds_total", .counter, ["cause"], most: stallCauses.count + 2,
        from: Threads.name, "Time that the host took from watched threads, by cause."),
    MetricFamily(
        "stoker_thread_switches_total", .counter, ["role", "reason"],
        most: Role.allCases.count * 3, from: Threads.name,
        "Times that watched threads left a CPU: preempted, by sched_yield, or to wait (voluntary)."),
    MetricFamily(
        "stoker_thread_migrations_total", .counter, ["role", "to"],
        most: Role.allCases.count * 3, from: Threads.name,
        "Times that watched threads went on elsewhere: on a CPU of the same cache, of another cache, of another node."
    ),
    MetricFamily(
        "stoker_thread_faults_total", .counter, ["role", "kind"],
        most: Role.allCases.count * 2, from: Threads.name,
        "Page faults of watched threads: minor ones, and major ones, which read from a disk."),
    MetricFamily(
        "stoker_threads", .gauge, ["role"], most: Role.allCases.count, from: Threads.name,
        "Threads that are watched now."),
    MetricFamily(
        "stoker_runqueue_wait_seconds", .histogram, ["role"], most: Role.allCases.count,
        from: CPUs.name,
        "Waits of watched threads for a CPU. The sum counts waits that still go on as well."),
]

/// States in which the host holds a thread up, and what that is called.
private let stallCauses: [(state: ThreadState, cause: String)] = [
    (.waiting, "cpu-contention"), (.throttled, "cpu-throttling"), (.irq, "irq-load"),
    (.softirq, "softirq-load"), (.reclaim, "memory-reclaim"), (.compaction, "compaction-stall"),
    (.fault, "major-faults"), (.io, "storage-stall"), (.blocked, "blocked"),
]

extension MetricCounters {
    /// Names of culprits that get a label; ns of waiting in a tick that give one a claim. Judgement.
    private static let mostCulprits = 16
    private static let culpritMatters: UInt64 = 1_000_000

    mutating func addThreads(_ step: Window, _ job: Job) {
        guard let threads = try? step(Threads.self) else { return }
        var byRole: [Role: RoleSums] = [:]
        for thread in threads.threads {
            byRole[job.role(thread.tid), default: RoleSums()].add(thread)
        }
        for (role, sums) in byRole { add(sums, role.rawValue) }
        var byCulprit: [Culprit: [Role: UInt64]] = [:]
        for wait in threads.waits {
            byCulprit[wait.culprit, default: [:]][job.role(wait.tid), default: 0] &+=
                wait.nanoseconds
        }
        for (culprit, roles) in byCulprit {
            let sum = roles.values.reduce(0, &+)
            let label = label(of: culprit, matters: sum >= Self.culpritMatters)
            for (role, time) in roles {
                grow("stoker_wait_seconds_total", [role.rawValue, label], nanoseconds: time)
            }
        }
    }

    private mutating func add(_ sums: RoleSums, _ role: String) {
        for state in ThreadState.allCases where sums.time[state] > 0 {
            let time = sums.time[state]
            grow("stoker_thread_seconds_total", [role, state.name], nanoseconds: time)
        }
        for (state, cause) in stallCauses where sums.time[state] > 0 {
            var time = sums.time[state]
            if state == .blocked { time = growth(time, sums.mmapLock) }
            if state == .io { time = growth(time, sums.writing) }
            grow("stoker_stall_seconds_total", [cause], nanoseconds: time)
        }
        grow("stoker_stall_seconds_total", ["lock-contention"], nanoseconds: sums.mmapLock)
        grow("stoker_stall_seconds_total", ["dirty-throttling"], nanoseconds: sums.writing)
        for (reason, count) in [
            ("preempted", sums.preemptions), ("yield", sums.yields),
            ("voluntary", sums.voluntarySwitches),
        ] {
            grow("stoker_thread_switches_total", [role, reason], Double(count))
        }
        let far = sums.nodeMigrations
        let other = growth(sums.cacheMigrations, far)
        let near = growth(sums.migrations, max(sums.cacheMigrations, far))
        for (place, count) in [("same-cache", near), ("other-cache", other), ("other-node", far)] {
            grow("stoker_thread_migrations_total", [role, place], Double(count))
        }
        grow("stoker_thread_faults_total", [role, "minor"], Double(sums.minorFaults))
        grow("stoker_thread_faults_total", [role, "major"], Double(sums.majorFaults))
    }

    private mutating func label(of culprit: Culprit, matters: Bool) -> String {
        switch culprit.kind {
        case .process:
            return label(
                culprit.name, of: "culprit", most: Self.mostCulprits, matters: matters)
        case .kthread:
            // kworker/3:1 and ksoftirqd/3 are one for all CPUs.
            let name = culprit.name.prefix { $0 != "/" && $0 != ":" }
            return label(
                String(name), of: "culprit", most: Self.mostCulprits, matters: matters)
        case .idle, .yield, .stoker, .unknown: return "(\(culprit.kind.rawValue))"
        }
    }
}

/// What the threads of one role did together.
private struct RoleSums {
    var time = StateTimes()
    var mmapLock: UInt64 = 0
    var writing: UInt64 = 0
    var preemptions: UInt64 = 0
    var yields: UInt64 = 0
    var voluntarySwitches: UInt64 = 0
    var migrations: UInt64 = 0
    var cacheMigrations: UInt64 = 0
    var nodeMigrations: UInt64 = 0
    var minorFaults: UInt64 = 0
    var majorFaults: UInt64 = 0

    mutating func add(_ thread: ThreadActivity) {
        time = time + thread.time
        mmapLock &+= thread.mmapLock
        writing &+= thread.writing
        preemptions &+= thread.preemptions
        yields &+= thread.yields
        voluntarySwitches &+= thread.voluntarySwitches
        migrations &+= thread.migrations
        cacheMigrations &+= thread.cacheMigrations
        nodeMigrations &+= thread.nodeMigrations
        minorFaults &+= thread.minorFaults
        majorFaults &+= thread.majorFaults
    }
}

func threadSamples(_ family: String, _ snapshot: MetricsSnapshot) -> [MetricSample]? {
    switch family {
    case "stoker_threads":
        guard let look = snapshot.look, let threads = try? look.step(Threads.self) else {
            return []
        }
        var counts: [Role: Int] = [:]
        for thread in threads.threads where !thread.hasExited && thread.tid > 0 {
            counts[look.observation.job.role(thread.tid), default: 0] += 1
        }
        return counts.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { MetricSample([$0.key.rawValue], .number(Double($0.value))) }
    case "stoker_runqueue_wait_seconds":
        guard snapshot.look.map({ (try? $0.step(CPUs.self)) != nil }) == true else { return [] }
        return Role.allCases.compactMap { role in
            snapshot.counters.waits[role].map { waits(of: role, $0, snapshot.counters) }
        }
    default: return nil
    }
}

/// Counts up to each bound; the last of `slots` is above all of them.
private func waits(of role: Role, _ slots: [UInt64], _ counters: MetricCounters) -> MetricSample {
    var sum: UInt64 = 0
    let counts = slots.dropLast().map { count in
        sum &+= count
        return sum
    }
    let waited = counters.sum("stoker_thread_seconds_total", [role.rawValue, "waiting"]) ?? 0
    return MetricSample(
        [role.rawValue],
        .histogram(counts: Array(counts), count: sum &+ (slots.last ?? 0), sum: waited))
}
