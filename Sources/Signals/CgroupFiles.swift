import Host

/// The files of one control group.
struct CgroupFiles {
    let host: Host
    let folder: String

    func fillVersion2(_ group: inout CgroupActivity) {
        group.bandwidth = bandwidth2
        group.memory = memory2
        fillTasks(&group)
        if let cpus = host.line("\(folder)/cpuset.cpus.effective") {
            group.cpus = CPUSet(
                effective: cpus, partition: host.line("\(folder)/cpuset.cpus.partition"))
        }
        group.ioLimits = ioLimits("io.max") { device in
            "\(device) rbps=max wbps=max riops=max wiops=max"
        }
        group.memoryPressure = stall("memory.pressure")
        group.ioPressure = stall("io.pressure")
    }

    func fillVersion1(_ group: inout CgroupActivity, _ controllers: Set<String>) {
        if controllers.contains("cpu") { group.bandwidth = bandwidth1 }
        if controllers.contains("memory") { group.memory = memory1 }
        if controllers.contains("pids") { fillTasks(&group) }
        if controllers.contains("blkio") {
            group.ioLimits = ["read_bps", "read_iops", "write_bps", "write_iops"].flatMap {
                ioLimits("blkio.throttle.\($0)_device") { device in "\(device) 0" }
            }
        }
        guard controllers.contains("cpuset") else { return }
        let effective = host.line("\(folder)/cpuset.effective_cpus")
        group.cpus = (effective ?? host.line("\(folder)/cpuset.cpus")).map {
            CPUSet(effective: $0)
        }
    }

    /// `nil` at the root and below a parent that does not pass the controller on.
    private var bandwidth2: Bandwidth? {
        guard let maximum = host.line("\(folder)/cpu.max") else { return nil }
        let words = maximum.split(separator: " ").map { UInt64($0) }
        let stat = numbers("cpu.stat")
        return Bandwidth(
            quotaMicroseconds: words.first ?? nil,
            periodMicroseconds: (words.count > 1 ? words[1] : nil) ?? 100_000,
            periods: stat["nr_periods"] ?? 0,
            throttledPeriods: stat["nr_throttled"] ?? 0,
            throttled: (stat["throttled_usec"] ?? 0) &* 1000)
    }

    /// v1 counts throttled time in nanoseconds and writes -1 for no quota.
    private var bandwidth1: Bandwidth? {
        guard let quota = host.number("\(folder)/cpu.cfs_quota_us") else { return nil }
        let stat = numbers("cpu.stat")
        return Bandwidth(
            quotaMicroseconds: quota > 0 ? UInt64(quota) : nil,
            periodMicroseconds: number("cpu.cfs_period_us") ?? 100_000,
            periods: stat["nr_periods"] ?? 0,
            throttledPeriods: stat["nr_throttled"] ?? 0,
            throttled: stat["throttled_time"] ?? 0)
    }

    private var memory2: MemoryControl? {
        guard let current = number("memory.current") else { return nil }
        let events = numbers("memory.events")
        return MemoryControl(
            current: current,
            limit: number("memory.max"),
            high: number("memory.high"),
            highEvents: events["high"] ?? 0,
            limitEvents: events["max"] ?? 0,
            oomKills: events["oom_kill"] ?? 0,
            fileRefaults: fileRefaults)
    }

    private var memory1: MemoryControl? {
        guard let current = number("memory.usage_in_bytes") else { return nil }
        // No limit reads as the largest number of whole pages that a signed word can hold.
        let none: UInt64 = 1 << 62
        return MemoryControl(
            current: current,
            limit: number("memory.limit_in_bytes").flatMap { $0 < none ? $0 : nil },
            limitEvents: number("memory.failcnt") ?? 0,
            oomKills: numbers("memory.oom_control")["oom_kill"] ?? 0,
            fileRefaults: fileRefaults)
    }

    /// v1 has `total_…` for the group with all below it, as v2 always counts. Kernels before 5.9
    /// do not tell file pages from others.
    private var fileRefaults: UInt64 {
        let stat = numbers("memory.stat")
        let names = [
            "total_workingset_refault_file", "workingset_refault_file",
            "total_workingset_refault", "workingset_refault",
        ]
        return names.lazy.compactMap { stat[$0] }.first ?? 0
    }

    private func fillTasks(_ group: inout CgroupActivity) {
        group.tasks = number("pids.current")
        group.tasksLimit = number("pids.max")
        group.tasksRefused = numbers("pids.events")["max"] ?? 0
    }

    private func ioLimits(_ file: String, lifted: (String) -> String) -> [IOLimit] {
        let text = (try? host.text("\(folder)/\(file)")) ?? ""
        return text.split(separator: "\n").compactMap { line in
            guard let device = line.split(separator: " ").first.map(String.init),
                device.allSatisfy({ $0.isNumber || $0 == ":" })
            else { return nil }
            return IOLimit(
                device: device, file: file, line: String(line), lifted: lifted(device))
        }
    }

    private func stall(_ file: String) -> Stall? {
        (try? host.bytes("\(folder)/\(file)")).map { Stall(parsing: $0) }
    }

    /// `nil` also for `max`, the word for no limit.
    private func number(_ file: String) -> UInt64? {
        host.line("\(folder)/\(file)").flatMap { UInt64($0) }
    }

    private func numbers(_ file: String) -> [String: UInt64] {
        (try? host.bytes("\(folder)/\(file)")).map { KernelText.keyedNumbers($0) } ?? [:]
    }
}
