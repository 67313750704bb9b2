import Glibc

private let lockdownFile = "/sys/kernel/security/lockdown"

/// Why a probe could not be loaded, attached or read.
package enum ProbeError: Error, Equatable {
    /// The kernel carries no description of its own types (BTF), so no probe can be fitted to it.
    case noKernelTypes
    /// The kernel is locked down so far that no probe may read its memory.
    case lockedDown
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
        case .lockedDown:
            return "the kernel is locked down (\(lockdownFile) says confidentiality), so no probe"
                + " may read its memory"
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

extension ProbeError {
    /// Why the kernel refused to load an object: the verifier names a helper that it does not know
    /// where in truth nobody may use it.
    static func loading(errno: CInt, detail: String) -> ProbeError {
        isLockedDown() ? .lockedDown : .refused(step: .load, errno: errno, detail: detail)
    }

    /// kernel_lockdown(7): `none integrity [confidentiality]`. Integrity lets probes read.
    private static func isLockedDown() -> Bool {
        guard let file = fopen(lockdownFile, "re") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, CInt(line.count), file) != nil else { return false }
        return String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            .contains("[confidentiality]")
    }
}
