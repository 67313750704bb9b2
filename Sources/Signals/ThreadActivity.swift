package import Host

/// One thread that is watched: who it is and, as running totals or as a change, what it did.
package struct ThreadActivity: Equatable, Sendable, Codable {
    package var tid: Int32
    package var pid: Int32
    /// Start of the thread, ns since boot: tells a reused tid apart.
    package var startedAt: UInt64
    /// The thread's name (comm) as the kernel has it, not escaped.
    package var name: String
    package var hasExited = false
    /// The process that started this one; 0 when unknown.
    package var parent: Int32 = 0
    /// The CPU it ran on last.
    package var cpu = 0

    package var time = StateTimes()
    /// Time on a CPU by memory node, ns; empty on hosts of one node and where no probe tells it.
    package var timeByNode: [Int: UInt64] = [:]
    /// The part of `blocked` spent waiting for its own address space's mmap_lock, ns.
    package var mmapLock: UInt64 = 0
    /// The part of `io` spent in write-like system calls (dirty throttling, write-back), ns.
    package var writing: UInt64 = 0
    /// CPU time in the kernel (system time), ns; sampled by the tick on most kernels.
    package var systemTime: UInt64 = 0

    package var minorFaults: UInt64 = 0
    package var majorFaults: UInt64 = 0
    /// Times it left a CPU while it could have gone on: preempted, not by its own yield.
    package var preemptions: UInt64 = 0
    /// Times it gave the CPU away by sched_yield.
    package var yields: UInt64 = 0
    /// Times it left a CPU to wait for something.
    package var voluntarySwitches: UInt64 = 0
    /// Times it continued on another CPU; and of those, under another last-level cache or node.
    package var migrations: UInt64 = 0
    package var cacheMigrations: UInt64 = 0
    package var nodeMigrations: UInt64 = 0

    package init(tid: Int32, pid: Int32, startedAt: UInt64 = 0, name: String) {
        self.tid = tid
        self.pid = pid
        self.startedAt = startedAt
        self.name = name
    }

    /// On a CPU doing its own work, waiting for one, or held up: everything but sleep, ns.
    package var awake: UInt64 { time.total &- time[.sleeping] }
}

/// Who had the CPU while a watched thread waited for it.
package struct Culprit: Hashable, Sendable, Codable {
    package enum Kind: String, Sendable, Codable {
        /// A user process; `id` is its pid.
        case process
        /// A kernel thread; `id` is its pid.
        case kthread
        /// Nobody: the CPU was idle (wake-up latency, or a hypervisor had it).
        case idle
        /// The thread itself gave the CPU away by sched_yield.
        case yield
        /// Stoker, while it measured: gone when the measuring is.
        case stoker
        /// Not recorded: the wait was longer than the history of that CPU, or a table was full.
        case unknown
    }

    package var kind: Kind
    package var id: Int32
    /// comm of the process or kernel thread, not escaped; empty when it was gone too soon.
    package var name: String
    /// Control group path of the process; `nil` when unknown.
    package var cgroup: String?
    /// CPUs that its main thread was allowed, and its nice value, when it was first seen in the
    /// way; `nil` when it was gone too soon.
    package var allowed: CPUList?
    package var nice: Int?

    package init(kind: Kind, id: Int32 = 0, name: String = "", cgroup: String? = nil) {
        self.kind = kind
        self.id = id
        self.name = name
        self.cgroup = cgroup
    }

    /// By pid alone: all else differs only where a pid was used again, and there are thousands.
    package func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// Time that one watched thread waited while one culprit ran.
package struct Wait: Equatable, Sendable, Codable {
    package var tid: Int32
    package var culprit: Culprit
    package var nanoseconds: UInt64

    package init(tid: Int32, culprit: Culprit, nanoseconds: UInt64) {
        self.tid = tid
        self.culprit = culprit
        self.nanoseconds = nanoseconds
    }
}
