import Glibc

/// Why a probe could not be loaded, attached or read.
package enum ProbeError: Error, Equatable {
    /// The kernel carries no description of its own types (BTF), so no probe can be fitted to it.
    case noKernelTypes
    /// The kernel or libbpf refused a step; `detail` is the last thing it said.
    case refused(step: Step, errno: CInt, detail: String)
    /// The object has no map or program of that name: it was built from other sources.
    case noSuchPart(String)
    /// The kernel record and the Swift record differ in size: one side was not rebuilt.
    case recordSize(part: String, kernel: Int, swift: Int)

    package enum Step: String, Sendable { case open, load, attach, read }

    /// One line for the user: what failed and what would help.
    package var reason: String {
        switch self {
        case .noKernelTypes:
            return "the kernel has no BTF (/sys/kernel/btf/vmlinux): it was built without"
                + " CONFIG_DEBUG_INFO_BTF"
        case .refused(.load, EACCES, let detail):
            // What the verifier answers; missing privileges are EPERM.
            return "the kernel's verifier refused it (\(detail))"
        case .refused(_, let errno, _) where errno == EPERM || errno == EACCES:
            return "not permitted: run as root, or with CAP_BPF and CAP_PERFMON"
        case .refused(let step, let errno, let detail):
            let why = String(cString: strerror(errno))
            return "the kernel refused to \(step.rawValue) it: \(why)"
                + (detail.isEmpty ? "" : " (\(detail))")
        case .noSuchPart(let part):
            return "the probe has no part named \(part): rebuild"
        case .recordSize(let part, let kernel, let swift):
            return "\(part) holds records of \(kernel) bytes, not \(swift): rebuild"
        }
    }
}
