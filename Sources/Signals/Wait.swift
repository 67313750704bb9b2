package import Host

/// Who had the CPU while a watched thread waited for it.
package struct Culprit: Hashable, Sendable {
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
    private var shared: Shared

    package init(kind: Kind, id: Int32 = 0, name: String = "", cgroup: String? = nil) {
        self.kind = kind
        self.id = id
        shared = Shared(Known(name: name, cgroup: cgroup))
    }

    /// comm of the process or kernel thread, not escaped; empty when it was gone too soon.
    package var name: String {
        get { known.name }
        set { known.name = newValue }
    }

    /// Control group path of the process; `nil` when unknown.
    package var cgroup: String? {
        get { known.cgroup }
        set { known.cgroup = newValue }
    }

    /// CPUs that its main thread was allowed, and its nice value, when it was first seen in the
    /// way; `nil` when it was gone too soon.
    package var allowed: CPUList? {
        get { known.allowed }
        set { known.allowed = newValue }
    }
    package var nice: Int? {
        get { known.nice }
        set { known.nice = newValue }
    }

    package static func == (left: Culprit, right: Culprit) -> Bool {
        left.id == right.id && left.kind == right.kind
            && (left.shared === right.shared || left.known == right.known)
    }

    /// By pid alone: all else differs only where a pid was used again, and there are thousands.
    package func hash(into hasher: inout Hasher) { hasher.combine(id) }

    private struct Known: Equatable {
        var name: String
        var cgroup: String?
        var allowed: CPUList?
        var nice: Int?
    }

    private var known: Known {
        get { shared.known }
        set { shared = Shared(newValue) }
    }

    /// A class because all waits behind one culprit share it: there are thousands, each of which
    /// is copied many times.
    private final class Shared: Sendable {
        let known: Known

        init(_ known: Known) { self.known = known }
    }
}

/// Time that one watched thread waited while one culprit ran.
package struct Wait: Equatable, Sendable {
    package var tid: Int32
    package var culprit: Culprit
    package var nanoseconds: UInt64

    package init(tid: Int32, culprit: Culprit, nanoseconds: UInt64) {
        self.tid = tid
        self.culprit = culprit
        self.nanoseconds = nanoseconds
    }
}
