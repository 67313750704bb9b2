import Glibc

extension Settings {
    /// The sysctls that rules look at, and the few that explain them.
    package static let sysctls = [
        "kernel.nmi_watchdog", "kernel.numa_balancing", "kernel.perf_event_paranoid",
        "kernel.pid_max", "kernel.sched_autogroup_enabled", "kernel.sched_cfs_bandwidth_slice_us",
        "kernel.sched_rt_period_us", "kernel.sched_rt_runtime_us", "kernel.sched_schedstats",
        "kernel.soft_watchdog", "kernel.task_delayacct", "kernel.threads-max",
        "kernel.timer_migration", "kernel.unprivileged_bpf_disabled", "kernel.watchdog",
        "kernel.watchdog_cpumask", "kernel.watchdog_thresh",
        "net.core.busy_poll", "net.core.busy_read", "net.core.netdev_budget",
        "net.core.netdev_budget_usecs", "net.core.netdev_max_backlog", "net.core.rmem_max",
        "net.core.rps_sock_flow_entries", "net.core.wmem_max", "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
        "vm.compaction_proactiveness", "vm.dirty_background_bytes", "vm.dirty_background_ratio",
        "vm.dirty_bytes", "vm.dirty_expire_centisecs", "vm.dirty_ratio",
        "vm.dirty_writeback_centisecs", "vm.max_map_count", "vm.min_free_kbytes",
        "vm.nr_hugepages", "vm.overcommit_memory", "vm.stat_interval", "vm.swappiness",
        "vm.vfs_cache_pressure", "vm.watermark_boost_factor", "vm.watermark_scale_factor",
        "vm.zone_reclaim_mode",
    ]

    package static func read(from host: Host) -> Settings {
        var settings = Settings()
        for name in sysctls { settings.sysctl[name] = host.sysctl(name) }
        let pages = "/sys/kernel/mm/transparent_hugepage"
        settings.thpEnabled = host.choice("\(pages)/enabled")
        settings.thpDefrag = host.choice("\(pages)/defrag")
        settings.khugepagedScanMilliseconds =
            host.number("\(pages)/khugepaged/scan_sleep_millisecs")
        let clock = "/sys/devices/system/clocksource/clocksource0"
        settings.clocksource = host.line("\(clock)/current_clocksource")
        settings.clocksourcesAvailable = (host.line("\(clock)/available_clocksource") ?? "")
            .split(separator: " ").map(String.init)
        settings.workqueueCPUs = host.mask("/sys/devices/virtual/workqueue/cpumask")
        settings.defaultInterruptCPUs = host.mask("/proc/irq/default_smp_affinity")
        settings.ksmRun = host.number("/sys/kernel/mm/ksm/run")
        settings.schedExt = schedExt(host)
        settings.swapDevices = SwapDevice.read(from: host)
        settings.sharedMemory = host.isCaptured ? nil : FilesystemUse(of: "/dev/shm")
        return settings
    }

    private static func schedExt(_ host: Host) -> String? {
        let folder = "/sys/kernel/sched_ext"
        guard host.line("\(folder)/state") == "enabled" else { return nil }
        return host.line("\(folder)/root/ops") ?? ""
    }
}

extension Host {
    /// The sysctl `name`, such as `vm.swappiness`; `nil` when this kernel has none of that name.
    package func sysctl(_ name: String) -> String? {
        line("/proc/sys/" + name.split(separator: ".").joined(separator: "/"))
    }

    /// A file that holds a CPU mask; `nil` when it cannot be read or is not one.
    package func mask(_ path: String) -> CPUList? { line(path).flatMap { CPUList(mask: $0) } }
}

extension SwapDevice {
    package static func read(from host: Host) -> [SwapDevice] {
        guard let bytes = try? host.bytes("/proc/swaps") else { return [] }
        var text = KernelText(bytes)
        var devices: [SwapDevice] = []
        while text.nextLine() {
            guard let name = text.word(), text.word() != nil, let size = text.number(),
                let used = text.number()
            else { continue }
            devices.append(
                SwapDevice(
                    name: KernelText.unescaped(name), sizeBytes: size &* 1024,
                    usedBytes: used &* 1024))
        }
        return devices
    }
}

extension FilesystemUse {
    /// Asks the running kernel for the file system that holds `path`; `nil` when there is none.
    package init?(of path: String) {
        var answer = statvfs()
        guard statvfs(path, &answer) == 0 else { return nil }
        let block = UInt64(answer.f_frsize)
        let used = UInt64(answer.f_blocks) &- UInt64(answer.f_bfree)
        self.init(sizeBytes: UInt64(answer.f_blocks) &* block, usedBytes: used &* block)
    }
}
