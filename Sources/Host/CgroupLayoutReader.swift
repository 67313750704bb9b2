extension CgroupLayout {
    private static let controllers: Set = [
        "blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "misc",
        "net_cls", "net_prio", "perf_event", "pids", "rdma",
    ]

    /// From the mounts that Stoker itself sees; the first mount of a hierarchy counts.
    package static func read(from host: Host) -> CgroupLayout {
        var layout = CgroupLayout()
        guard let bytes = try? host.bytes("/proc/self/mounts") else { return layout }
        var text = KernelText(bytes)
        while text.nextLine() {
            guard text.word() != nil, let point = text.word(), let type = text.word(),
                let options = text.word()
            else { continue }
            layout.add(KernelText.unescaped(point), type: type, options: options)
        }
        if let unified = layout.unified {
            layout.unifiedControllers = (host.line("\(unified)/cgroup.controllers") ?? "")
                .split(separator: " ").map(String.init)
        }
        return layout
    }

    private mutating func add(_ point: String, type: String, options: String) {
        if type == "cgroup2", unified == nil { unified = point }
        guard type == "cgroup" else { return }
        for option in options.split(separator: ",").map(String.init)
        where Self.controllers.contains(option) && version1[option] == nil {
            version1[option] = point
        }
    }
}
