import Glibc
import Host

/// A control group of the test's own, v1 or v2, removed at the end. What runs in it must end
/// before it does.
struct ControlGroup: ~Copyable {
    let folder: String
    let isUnified: Bool

    init(_ controller: String, _ name: String, below parent: String? = nil) throws {
        let host = Host()
        let top = "/sys/fs/cgroup"
        let isUnified = !host.exists("\(top)/\(controller)/cgroup.procs")
        let above = parent ?? (isUnified ? top : "\(top)/\(controller)")
        if isUnified { try put("+\(controller)", into: "\(above)/cgroup.subtree_control") }
        let folder = "\(above)/stoker-test-\(name)-\(getpid())"
        guard mkdir(folder, 0o755) == 0 else { throw SetupError(what: folder) }
        (self.folder, self.isUnified) = (folder, isUnified)
    }

    deinit {
        // The kernel keeps a group until its last process is quite gone.
        for _ in 0..<200 where rmdir(folder) != 0 && errno == EBUSY { usleep(10_000) }
    }

    borrowing func take(_ pid: pid_t) throws { try put("\(pid)", into: "\(folder)/cgroup.procs") }

    /// At most `percent` of one CPU.
    borrowing func limitCPU(percent: Int) throws {
        if isUnified { return try put("\(percent * 1_000) 100000", into: "\(folder)/cpu.max") }
        try put("100000", into: "\(folder)/cpu.cfs_period_us")
        try put("\(percent * 1_000)", into: "\(folder)/cpu.cfs_quota_us")
    }

    borrowing func limitMemory(_ size: Int) throws {
        let name = isUnified ? "memory.max" : "memory.limit_in_bytes"
        try put("\(size)", into: "\(folder)/\(name)")
    }
}

private func put(_ text: String, into path: String) throws {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { throw SetupError(what: path) }
    defer { close(file) }
    guard write(file, text, text.utf8.count) >= 0 else { throw SetupError(what: path) }
}
