package import Host

extension Machine {
    /// Writes all files that Stoker reads of a host, with its counters as they stand at the start.
    package func write(to tree: borrowing Tree) throws(FileError) {
        try writeCPUs(to: tree)
        for node in nodes.indices { try writeNode(node, to: tree) }
        try writeDevices(to: tree)
        try writeInterruptFolders(to: tree)
        try writeSettings(to: tree)
        try writeProcesses(to: tree)
        try writeCounters(to: tree, after: 0)
    }

    static let cpuFolder = "/sys/devices/system/cpu"

    private func writeCPUs(to tree: borrowing Tree) throws(FileError) {
        let folder = Self.cpuFolder
        try tree.write("\(folder)/online", CPUList(online).description)
        try tree.write("\(folder)/offline", CPUList(offline).description)
        try tree.write("\(folder)/present", CPUList(cpus).description)
        try tree.write("\(folder)/possible", "0-\(cpus.last ?? 0)")
        try tree.write("\(folder)/isolated", "")
        try tree.write("\(folder)/nohz_full", "  (null)")
        let isThreaded = cores.contains { $0.cpus.count > 1 }
        try tree.write("\(folder)/smt/control", isThreaded ? "on" : "notsupported")
        try tree.write("\(folder)/smt/active", isThreaded ? "1" : "0")
        let caches = Set(cores.map(\.cache))
        let sharers = Dictionary(uniqueKeysWithValues: caches.map { ($0, cpus(sharing: $0)) })
        for core in cores {
            let siblings = core.cpus.filter { !offline.contains($0) }
            for cpu in core.cpus {
                try tree.write("\(folder)/cpu\(cpu)/online", offline.contains(cpu) ? "0" : "1")
                guard !offline.contains(cpu) else { continue }
                try tree.link(
                    "\(folder)/cpu\(cpu)/node\(core.node)", to: "../../node/node\(core.node)")
                if cpu == siblings[0] {
                    try writeTopology(of: cpu, core, siblings, to: tree)
                    try writeCaches(of: cpu, siblings, sharers[core.cache] ?? [], to: tree)
                } else {
                    try share(["topology", "cache"], of: siblings[0], with: cpu, in: tree)
                }
                if let power { try writePower(power, of: cpu, to: tree) }
            }
        }
        guard let power else { return }
        if power.isIntel {
            try tree.write("\(folder)/intel_pstate/no_turbo", "0")
        } else {
            try tree.write("\(folder)/cpufreq/boost", "1")
        }
    }

    /// Folders with the same content, as links: files are what a large tree costs.
    private func share(
        _ folders: [String], of owner: Int, with cpu: Int, in tree: borrowing Tree
    ) throws(FileError) {
        for folder in folders {
            try tree.link("\(Self.cpuFolder)/cpu\(cpu)/\(folder)", to: "../cpu\(owner)/\(folder)")
        }
    }

    /// An offline CPU has no such files.
    private func writeTopology(
        of cpu: Int, _ core: Core, _ siblings: [Int], to tree: borrowing Tree
    ) throws(FileError) {
        let folder = "\(Self.cpuFolder)/cpu\(cpu)/topology"
        try tree.write("\(folder)/core_id", "\(core.id)")
        try tree.write("\(folder)/physical_package_id", "\(core.package)")
        try tree.write("\(folder)/thread_siblings_list", CPUList(siblings).description)
    }

    private func writeCaches(
        of cpu: Int, _ siblings: [Int], _ sharers: [Int], to tree: borrowing Tree
    ) throws(FileError) {
        let kinds: [(level: Int, type: String, kilobytes: UInt64, cpus: [Int])] = [
            (1, "Data", caches.data, siblings), (1, "Instruction", caches.instruction, siblings),
            (2, "Unified", caches.second, siblings), (3, "Unified", caches.third, sharers),
        ]
        for (index, cache) in kinds.enumerated() {
            let folder = "\(Self.cpuFolder)/cpu\(cpu)/cache/index\(index)"
            if let owner = cache.cpus.first, owner != cpu {
                try tree.link(folder, to: "../../cpu\(owner)/cache/index\(index)")
                continue
            }
            try tree.write("\(folder)/level", "\(cache.level)")
            try tree.write("\(folder)/type", cache.type)
            try tree.write("\(folder)/size", "\(cache.kilobytes)K")
            try tree.write("\(folder)/shared_cpu_list", CPUList(cache.cpus).description)
        }
    }

    private func writePower(_ power: Power, of cpu: Int, to tree: borrowing Tree) throws(FileError)
    {
        let policy = "\(Self.cpuFolder)/cpufreq/policy\(cpu)"
        try tree.write("\(policy)/affected_cpus", "\(cpu)")
        try tree.write("\(policy)/scaling_governor", power.governor)
        try tree.write("\(policy)/cpuinfo_max_freq", "\(power.maximumKilohertz)")
        try tree.write("\(policy)/scaling_cur_freq", "\(power.maximumKilohertz)")
        if let preference = power.preference {
            try tree.write("\(policy)/energy_performance_preference", preference)
        }
        try tree.link("\(Self.cpuFolder)/cpu\(cpu)/cpufreq", to: "../cpufreq/policy\(cpu)")
        guard cpu == online.first else {
            let folders = power.isIntel ? ["cpuidle", "thermal_throttle"] : ["cpuidle"]
            return try share(folders, of: online[0], with: cpu, in: tree)
        }
        for state in power.idleStates {
            let folder = "\(Self.cpuFolder)/cpu\(cpu)/cpuidle/state\(state.index)"
            try tree.write("\(folder)/name", state.name)
            try tree.write("\(folder)/latency", "\(state.exitLatencyMicroseconds)")
            try tree.write("\(folder)/disable", state.isDisabled ? "1" : "0")
        }
        guard power.isIntel else { return }
        for count in ["core", "package"] {
            try tree.write(
                "\(Self.cpuFolder)/cpu\(cpu)/thermal_throttle/\(count)_throttle_count", "0")
        }
    }

    private func writeSettings(to tree: borrowing Tree) throws(FileError) {
        try tree.write("/proc/sys/kernel/hostname", name)
        try tree.write("/proc/sys/kernel/osrelease", kernel)
        try tree.write("/proc/cmdline", commandLine)
        for (name, value) in sysctls {
            try tree.write(
                "/proc/sys/" + name.split(separator: ".").joined(separator: "/"), value)
        }
        let flags = "fpu vme msr" + (isVirtual ? " hypervisor" : "") + " avx2"
        try tree.write(
            "/proc/cpuinfo",
            online.map { "processor\t: \($0)\nflags\t\t: \(flags)\n" }.joined(separator: "\n"))
        let pages = "/sys/kernel/mm/transparent_hugepage"
        try tree.write(
            "\(pages)/enabled", choice(thpEnabled, of: ["always", "madvise", "never"]))
        try tree.write(
            "\(pages)/defrag",
            choice(thpDefrag, of: ["always", "defer", "defer+madvise", "madvise", "never"]))
        try tree.write("\(pages)/khugepaged/scan_sleep_millisecs", "10000")
        try tree.write("/sys/kernel/mm/ksm/run", "0")
        let clock = "/sys/devices/system/clocksource/clocksource0"
        try tree.write("\(clock)/current_clocksource", clocksource)
        try tree.write("\(clock)/available_clocksource", "\(clocksource) acpi_pm ")
        let everything = CPUList(0...(cpus.last ?? 0)).mask
        try tree.write("/sys/devices/virtual/workqueue/cpumask", everything)
        try tree.write("/proc/irq/default_smp_affinity", everything)
        try tree.write("/proc/swaps", "Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority")
        try tree.write(
            "/proc/self/mounts",
            "tmpfs /dev/shm tmpfs rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0")
        tree.makeFolder("/run/systemd/system")
    }

    /// `always [madvise] never`
    private func choice(_ chosen: String, of words: [String]) -> String {
        words.map { $0 == chosen ? "[\($0)]" : $0 }.joined(separator: " ")
    }
}
