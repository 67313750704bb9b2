import BPF
import CRecords

/// From what the kernel keeps of a thread to a thread's activity.
extension ThreadActivity {
    /// `nodes`: memory nodes with CPUs, in the order in which the kernel side counts them.
    init(_ record: ledger_record, hasExited: Bool, nodes: [Int] = []) {
        let thread = record.thread
        self.init(
            tid: Int32(bitPattern: record.tid), pid: Int32(bitPattern: record.pid),
            startedAt: record.started,
            name: kernelName(elements(of: record.name, as: UInt8.self)))
        self.hasExited = hasExited
        parent = Int32(bitPattern: record.parent)
        cpu = Int(thread.cpu)
        let charged = elements(of: thread.nanoseconds, as: UInt64.self)
        for state in ThreadState.allCases { time[state] = charged[state.rawValue] }
        mmapLock = thread.mmap_lock
        writing = thread.writing
        if nodes.count > 1 {
            let byNode = elements(of: record.nodes.nanoseconds, as: UInt64.self)
            timeByNode = Dictionary(uniqueKeysWithValues: zip(nodes, byNode))
        }
        if !hasExited { chargeUnfinished(record, on: nodes) }
        systemTime = record.system
        minorFaults = record.minor_faults
        majorFaults = record.major_faults
        yields = UInt64(thread.yields)
        preemptions = growth(record.involuntary, yields)
        voluntarySwitches = record.voluntary
        migrations = UInt64(thread.migrations)
        cacheMigrations = UInt64(thread.cache_migrations)
        nodeMigrations = UInt64(thread.node_migrations)
    }

    /// The kernel charges a state when it ends; this adds the one that still goes on.
    private mutating func chargeUnfinished(_ record: ledger_record, on nodes: [Int]) {
        let thread = record.thread
        let elapsed = record.going
        let state = ThreadState(rawValue: Int(thread.state)) ?? .sleeping
        switch state {
        case .running:
            let irq = min(growth(record.irq_now, thread.irq_seen), elapsed)
            let softirq = min(growth(record.softirq_now, thread.softirq_seen), elapsed - irq)
            time[.irq] += irq
            time[.softirq] += softirq
            time[onCPUState(thread.context)] += elapsed - irq - softirq
            if nodes.indices.contains(Int(record.node)) {
                timeByNode[nodes[Int(record.node)]]? += elapsed
            }
        case .waiting:
            let isThrottled = thread.off & UInt8(LEDGER_OFF_THROTTLED) != 0
            time[isThrottled ? .throttled : .waiting] += elapsed
        default:
            let queued = min(record.queued, elapsed)
            time[.waiting] += queued
            time[state] += elapsed - queued
            if thread.off & UInt8(LEDGER_OFF_MMAP_LOCK) != 0 { mmapLock += elapsed - queued }
            if thread.off & UInt8(LEDGER_OFF_WRITE) != 0 { writing += elapsed - queued }
        }
    }

    private func onCPUState(_ context: UInt8) -> ThreadState {
        if context & UInt8(LEDGER_IN_COMPACTION) != 0 { return .compaction }
        return context & UInt8(LEDGER_IN_RECLAIM) != 0 ? .reclaim : .running
    }

    /// What happened to this thread since an earlier reading of it.
    func since(_ earlier: ThreadActivity) -> ThreadActivity {
        var change = self
        change.time = time.since(earlier.time)
        // Parts of a state that may just have been told to be another.
        change.mmapLock = min(growth(mmapLock, earlier.mmapLock), change.time[.blocked])
        change.writing = min(growth(writing, earlier.writing), change.time[.io])
        for (node, time) in timeByNode {
            change.timeByNode[node] = growth(time, earlier.timeByNode[node] ?? 0)
        }
        change.systemTime = growth(systemTime, earlier.systemTime)
        change.minorFaults = growth(minorFaults, earlier.minorFaults)
        change.majorFaults = growth(majorFaults, earlier.majorFaults)
        change.preemptions = growth(preemptions, earlier.preemptions)
        change.yields = growth(yields, earlier.yields)
        change.voluntarySwitches = growth(voluntarySwitches, earlier.voluntarySwitches)
        change.migrations = growth(migrations, earlier.migrations)
        change.cacheMigrations = growth(cacheMigrations, earlier.cacheMigrations)
        change.nodeMigrations = growth(nodeMigrations, earlier.nodeMigrations)
        return change
    }
}
