import BPF
import Glibc
import Host

/// A part of the probes that can be left out for a while: the ledger goes on without it.
package enum ProbePart: String, CaseIterable, Sendable {
    /// Interrupts of the timer and of other CPUs; on a busy host the most frequent.
    case vectors
    case softirqs
    case interrupts
    case block

    /// Where something begins that another hook ends; these are let go of first, so that nothing
    /// is begun that nobody ends.
    fileprivate var beginnings: [String] {
        switch self {
        case .vectors: Self.vectorNames.map { "\($0)_entry" }
        case .softirqs: ["softirq_entry"]
        case .interrupts: ["irq_handler_entry"]
        case .block: []
        }
    }

    fileprivate var ends: [String] {
        switch self {
        case .vectors: Self.vectorNames.map { "\($0)_exit" }
        case .softirqs: ["softirq_exit"]
        case .interrupts: ["irq_handler_exit"]
        case .block: ["block_rq_complete"]
        }
    }

    package var hooks: [String] { beginnings + ends }

    private static let vectorNames = [
        "local_timer", "reschedule", "call_function", "call_function_single", "irq_work",
    ]
}

/// What one hook has cost since it was loaded, while the kernel kept count.
package struct HookCost: Equatable, Sendable {
    package var probe: String
    package var hook: String
    package var runs: UInt64
    /// ns
    package var nanoseconds: UInt64

    package init(probe: String, hook: String, runs: UInt64, nanoseconds: UInt64) {
        self.probe = probe
        self.hook = hook
        self.runs = runs
        self.nanoseconds = nanoseconds
    }
}

extension AttachedProbe {
    /// No handler of an interrupt is longer; those that began are seen to their end. Judgement.
    private static let longestHandlerMicroseconds: UInt32 = 5_000

    mutating func leaveOut(_ part: ProbePart, because reason: String) {
        guard hooks.contains(where: { part.hooks.contains($0.hook) && $0.reason == nil }) else {
            return
        }
        leaveOut(part.beginnings, because: reason)
        if !part.beginnings.isEmpty { usleep(Self.longestHandlerMicroseconds) }
        leaveOut(part.ends, because: reason)
    }

    mutating func takeIn(_ part: ProbePart) {
        takeIn(part.ends)
        takeIn(part.beginnings)
    }

    /// Bytes of kernel memory that the maps take, as their descriptors tell; 0 where they do not.
    func mapBytes(_ host: Host) -> UInt64 {
        object.mapDescriptors().reduce(0) { sum, map in
            let lines = (try? host.text("/proc/self/fdinfo/\(map.descriptor)")) ?? ""
            let line = lines.split(separator: "\n").first { $0.hasPrefix("memlock:") }
            return sum + (line?.split(separator: "\t").last.flatMap { UInt64($0) } ?? 0)
        }
    }
}
