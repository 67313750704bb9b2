import CService
import Glibc

/// A capability that Stoker can use, and what it is for.
package struct Capability: Equatable, Sendable {
    package var name: String
    /// linux/capability.h
    package var number: UInt64
    /// What can be told with it that cannot be told without.
    package var adds: String
    /// The shipped unit has it; others come with a drop-in.
    package var isStandard: Bool

    package var bit: UInt64 { 1 << number }

    /// In the order of what they are worth. Measured on Linux 6.1 and 6.18 with user 65534.
    package static let all = [
        Capability(
            name: "CAP_BPF", number: 39,
            adds: "every probe: the ledger of threads, culprits, interrupts, block requests",
            isStandard: true),
        Capability(
            name: "CAP_PERFMON", number: 38,
            adds: "every probe, together with CAP_BPF; on newer kernels such as 6.18 also where"
                + " other users' processes have their memory",
            isStandard: true),
        Capability(
            name: "CAP_SYS_PTRACE", number: 19,
            adds: "which GPUs and adapters other users' processes have open, their rank and job,"
                + " and, on older kernels such as 6.1, where their memory is",
            isStandard: false),
        Capability(
            name: "CAP_DAC_READ_SEARCH", number: 2,
            adds: "which interrupts the kernel itself places, where debugfs tells it",
            isStandard: false),
        Capability(
            name: "CAP_SYSLOG", number: 34,
            adds: "the kernel log, where NVIDIA drivers without a tracepoint for them (before"
                + " 575.51.02, or not the open module) report errors of GPUs (XID)",
            isStandard: false),
    ]

    /// Those of this thread, one bit each; `nil` when the kernel does not tell.
    package static func held() -> UInt64? {
        var effective: UInt64 = 0
        return service_capabilities(&effective) == 0 ? effective : nil
    }

    /// Gives all others away, for ever. While the process has one thread only: capabilities belong
    /// to threads.
    package static func keepOnly(_ kept: [Capability]) throws(ServiceError) {
        let bits = kept.reduce(0) { $0 | $1.bit }
        guard service_keep_capabilities(bits) == 0 else {
            throw ServiceError(call: "capset", errno: errno)
        }
    }

    /// From now on no program that is started gains privileges.
    package static func forbidNewOnes() throws(ServiceError) {
        guard service_forbid_new_privileges() == 0 else {
            throw ServiceError(call: "prctl", errno: errno)
        }
    }
}

/// A call to the kernel that failed.
package struct ServiceError: Error, Equatable {
    package var call: String
    package var errno: CInt

    package var reason: String { "\(call): \(String(cString: strerror(errno)))" }
}

/// `docs/privileges.md`, made from the list of capabilities.
package func privilegesReference() -> String {
    var text = """
        # Privileges

        Generated from the list of capabilities; do not edit. `stoker check` tells which are held and what those
        that are missing cost. The table was measured on Linux 6.1 and 6.18 with an ordinary user.

        | Capability | In the unit | Adds |
        |---|---|---|

        """
    for capability in Capability.all {
        let place = capability.isStandard ? "yes" : "by drop-in"
        text += "| `\(capability.name)` | \(place) | \(capability.adds) |\n"
    }
    return text
}
