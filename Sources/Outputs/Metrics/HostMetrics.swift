import Host
import Signals
import Training

// What the host did: CPUs, interrupts, memory, storage.
let hostFamilies = [
    MetricFamily(
        "stoker_cpu_seconds_total", .counter, ["class"], most: 7, from: CPUs.name,
        "Time of all CPUs by who had them: watched threads, other programs, kernel threads, irq, softirq, nobody (idle). What a hypervisor took (steal) is part of these."
    ),
    MetricFamily(
        "stoker_context_switches_total", .counter, from: CPUs.name,
        "Context switches of all threads on all CPUs."),
    MetricFamily(
        "stoker_irq_seconds_total", .counter, ["irq", "name", "node"], most: 33,
        from: Interrupts.name,
        "Time in hard interrupt handlers; those that take least are one series with the irq (other)."
    ),
    MetricFamily(
        "stoker_interrupts_total", .counter, ["type"], most: 8, from: Interrupts.name,
        "Interrupts between CPUs and of CPUs themselves, as /proc/interrupts calls them."),
    MetricFamily(
        "stoker_softirq_seconds_total", .counter, ["type"], most: 10, from: SoftIRQs.name,
        "Time in soft interrupts, as /proc/softirqs calls them."),
    MetricFamily(
        "stoker_network_backlog_total", .counter, ["event"], most: 2, from: SoftIRQs.name,
        "Packets dropped before the stack saw them, and polls that were cut short (squeezed)."),
    MetricFamily(
        "stoker_vm_events_total", .counter, ["event"], most: vmEvents.count,
        from: VirtualMemory.name, "Events of the memory manager, as /proc/vmstat calls them."),
    MetricFamily(
        "stoker_pressure_seconds_total", .counter, ["resource", "kind"], most: 6,
        from: Pressure.name, "Pressure stall information: time that some or all tasks stood still."),
    MetricFamily(
        "stoker_cgroup_throttled_seconds_total", .counter, from: Cgroups.name,
        "CPU time by which quotas held back the control groups of watched processes."),
    MetricFamily(
        "stoker_cgroup_throttled_periods_total", .counter, from: Cgroups.name,
        "Periods in which a quota was used up in the control groups of watched processes."),
    MetricFamily(
        "stoker_disk_seconds_total", .counter, ["device", "operation"], most: 34,
        from: Disks.name, "Time that requests to block devices took, added up over requests."),
    MetricFamily(
        "stoker_disk_requests_total", .counter, ["device", "operation"], most: 34,
        from: Disks.name, "Requests to block devices that were completed."),
    MetricFamily(
        "stoker_disk_bytes_total", .counter, ["device", "operation"], most: 34,
        from: Disks.name, "Bytes read from and written to block devices."),
    MetricFamily(
        "stoker_memory_available_bytes", .gauge, from: FreeMemory.name,
        "MemAvailable: memory that can be had without swapping."),
    MetricFamily(
        "stoker_cpu_thermal_throttles_total", .counter, from: Power.name,
        "Times that heat slowed CPUs down."),
]

/// What each counter of /proc/vmstat is worth a series for: KNOWLEDGE A3 to A5.
private let vmEvents = [
    "pgfault", "pgmajfault", "allocstall", "pgscan_direct", "pgsteal_direct", "pgscan_kswapd",
    "compact_stall", "compact_fail", "compact_success", "thp_fault_alloc", "thp_fault_fallback",
    "pswpin", "pswpout", "numa_hint_faults", "numa_pages_migrated", "oom_kill",
    "workingset_refault_file",
]
private let cpuInterrupts = ["LOC", "RES", "CAL", "TLB", "NMI", "MCE", "TRM", "PMI"]

extension MetricCounters {
    /// Interrupt lines and devices that get a label; ns in a tick that give one a claim. Judgement.
    private static let mostLines = 32
    private static let lineMatters: UInt64 = 100_000
    private static let mostDisks = 16

    mutating func addCPUs(_ step: Window) {
        guard let cpus = try? step(CPUs.self) else { return }
        var sum = CPUActivity(id: 0)
        for cpu in cpus.cpus {
            sum.watched &+= cpu.watched
            sum.other &+= cpu.other
            sum.kernel &+= cpu.kernel
            sum.irq &+= cpu.irq
            sum.softirq &+= cpu.softirq
            sum.idle &+= cpu.idle
            sum.steal &+= cpu.steal
        }
        for (name, time) in [
            ("watched", sum.watched), ("other", sum.other), ("kernel", sum.kernel),
            ("irq", sum.irq), ("softirq", sum.softirq), ("idle", sum.idle), ("steal", sum.steal),
        ] {
            grow("stoker_cpu_seconds_total", [name], nanoseconds: time)
        }
        grow("stoker_context_switches_total", [], Double(cpus.contextSwitches))
        for role in Role.allCases { addWaits(cpus.waits(ofRole: role.number), of: role) }
    }

    mutating func addInterrupts(_ step: Window, _ facts: HostFacts) {
        if let interrupts = try? step(Interrupts.self) {
            for line in interrupts.lines {
                if line.irq != nil {
                    add(line, facts)
                } else if cpuInterrupts.contains(line.label) {
                    let count = line.counts.reduce(0, &+)
                    grow("stoker_interrupts_total", [line.label], Double(count))
                }
            }
        }
        guard let softirqs = try? step(SoftIRQs.self) else { return }
        for line in softirqs.lines where !line.nanoseconds.isEmpty {
            let time = line.nanoseconds.reduce(0, &+)
            grow("stoker_softirq_seconds_total", [line.name], nanoseconds: time)
        }
        grow("stoker_network_backlog_total", ["dropped"], Double(softirqs.dropped))
        grow("stoker_network_backlog_total", ["squeezed"], Double(softirqs.squeezed))
    }

    private mutating func add(_ line: InterruptLine, _ facts: HostFacts) {
        let time = line.nanoseconds.reduce(0, &+)
        guard time > 0 else { return }
        let irq = label(
            line.label, of: "irq", most: Self.mostLines, matters: time >= Self.lineMatters)
        guard irq == line.label else {
            return grow("stoker_irq_seconds_total", [irq, "", ""], nanoseconds: time)
        }
        let node = facts.interrupts.first { $0.irq == line.irq }?.node
        grow(
            "stoker_irq_seconds_total", [irq, line.name, node.map { "\($0)" } ?? ""],
            nanoseconds: time)
    }

    mutating func addMemory(_ step: Window) {
        if let counters = try? step(VirtualMemory.self) {
            for name in vmEvents {
                if let count = counters.counters[name] {
                    grow("stoker_vm_events_total", [name], Double(count))
                } else if name == "allocstall" {
                    // One for each zone.
                    grow("stoker_vm_events_total", [name], Double(counters.sum("allocstall_")))
                }
            }
        }
        if let pressure = try? step(Pressure.self) {
            for (name, stall) in [
                ("cpu", pressure.cpu), ("memory", pressure.memory), ("io", pressure.io),
            ] {
                let family = "stoker_pressure_seconds_total"
                grow(family, [name, "some"], nanoseconds: stall.some)
                grow(family, [name, "full"], nanoseconds: stall.full)
            }
        }
        guard let groups = try? step(Cgroups.self) else { return }
        for group in groups.groups {
            guard let quota = group.bandwidth, quota.quotaMicroseconds != nil else { continue }
            grow("stoker_cgroup_throttled_seconds_total", [], nanoseconds: quota.throttled)
            grow("stoker_cgroup_throttled_periods_total", [], Double(quota.throttledPeriods))
        }
    }

    mutating func addStorage(_ step: Window) {
        if let disks = try? step(Disks.self) {
            for disk in disks.disks where disk.reads &+ disk.writes > 0 {
                let name = label(disk.name, of: "disk", most: Self.mostDisks, matters: true)
                for (operation, time, count, bytes) in [
                    ("read", disk.readTime, disk.reads, disk.readBytes),
                    ("write", disk.writeTime, disk.writes, disk.writeBytes),
                ] {
                    grow("stoker_disk_seconds_total", [name, operation], nanoseconds: time)
                    grow("stoker_disk_requests_total", [name, operation], Double(count))
                    grow("stoker_disk_bytes_total", [name, operation], Double(bytes))
                }
            }
        }
        guard let power = try? step(Power.self) else { return }
        let throttles = power.cpus.reduce(0) { $0 &+ $1.thermalThrottles }
        grow("stoker_cpu_thermal_throttles_total", [], Double(throttles))
    }
}

func hostSamples(_ family: String, _ snapshot: MetricsSnapshot) -> [MetricSample]? {
    guard family == "stoker_memory_available_bytes" else { return nil }
    guard let memory = try? snapshot.look?.step(FreeMemory.self),
        let bytes = memory.meminfo["MemAvailable"]
    else { return [] }
    return [MetricSample([], .number(Double(bytes)))]
}
