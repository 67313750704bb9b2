import Glibc
package import Host

/// The memory that this process may take: the least limit of the control groups that it is in,
/// bytes; `nil` where nobody set one. systemd's MemoryMax is one.
package func ownMemoryLimit(on host: Host, pid: Int32 = getpid()) -> UInt64? {
    let layout = CgroupLayout.read(from: host)
    let groups = host.process(pid).cgroups ?? [:]
    var limits: [UInt64] = []
    if let root = layout.unified, let path = groups[""] {
        limits += memoryLimits(host, root, path, "memory.max")
    }
    if let root = layout.version1["memory"], let path = groups["memory"] {
        limits += memoryLimits(host, root, path, "memory.limit_in_bytes")
    }
    return limits.min()
}

/// Of a group and all above it.
private func memoryLimits(_ host: Host, _ root: String, _ path: String, _ file: String) -> [UInt64]
{
    var parts = path.split(separator: "/")
    var limits: [UInt64] = []
    while true {
        let folder = parts.reduce(root) { "\($0)/\($1)" }
        if let limit = host.number("\(folder)/\(file)"), limit > 0, limit < unlimited {
            limits.append(UInt64(limit))
        }
        guard parts.popLast() != nil else { return limits }
    }
}

/// No limit reads as `max`, which is no number, or as the most pages that a signed word can hold.
private let unlimited: Int64 = 1 << 62
