/// A hook that a probe wants, and why it is not attached; attached when there is no reason.
package struct HookState: Equatable, Sendable {
    package var probe: String
    /// The tracepoint's name, such as `sched_switch`; a function's or a module's tracepoint's with
    /// the way there, such as `fentry/task_numa_work`; `*` for a probe as a whole.
    package var hook: String
    package var reason: String?
    /// It was attached, and is left out for a while: what it has seen still counts.
    package var isLeftOut = false

    package init(probe: String, hook: String, reason: String? = nil) {
        self.probe = probe
        self.hook = hook
        self.reason = reason
    }

    /// The reason when the kernel was built without the tracepoint.
    package static let noTracepoint = "this kernel has no such tracepoint"
    /// The reason when it has no function of its own of that name.
    package static let noFunction = "this kernel has no such function"

    private var use: (signal: String, adds: String) {
        switch hook {
        case "*": (wholeProbe, "everything of this probe")
        case "sched_switch":
            (Threads.name, "the ledger of every watched thread, and who it waited for")
        case "sched_wakeup", "sched_wakeup_new":
            (Threads.name, "waiting, where the kernel has no run_delay")
        case "sched_process_fork": (Threads.name, "threads and processes started meanwhile")
        case "sched_process_exit": (Threads.name, "names of culprits that ended")
        case "softirq_entry", "softirq_exit": (SoftIRQs.name, "time in softirqs by type and victim")
        case "block_rq_complete": (Disks.name, "latency of block requests by device")
        case "raw_tp/nvidia_dev_xid": (GPUs.name, "errors of GPUs (XID) without the kernel's log")
        case "mm_migrate_pages": (NUMABalancing.name, "pages moved between nodes by reason")
        case _ where hook.hasSuffix("/task_numa_work"):
            (NUMABalancing.name, "time of page-table scans by thread")
        case _ where hook.hasPrefix("mm_compaction"): (Threads.name, "time in direct compaction")
        case _ where hook.hasPrefix("mm_vmscan"): (Threads.name, "time in direct reclaim")
        case _ where hook.hasPrefix("irq_handler"):
            (Interrupts.name, "time in device interrupts by IRQ and victim")
        default: (Interrupts.name, "time in the timer's and other CPUs' interrupts")
        }
    }

    private var wholeProbe: String {
        switch probe {
        case "block": Disks.name
        case "numa": NUMABalancing.name
        default: Threads.name
        }
    }

    /// Name of the signal that it feeds.
    package var signal: String { use.signal }
    /// What can be told with it that cannot be told without.
    package var adds: String { use.adds }
}
