import Host
import Rules
import Signals
import Training

/// SplitMix64: the same numbers in every run.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Observations that no host would give, and that must not stop a rule.
struct HostileHost {
    /// Part of every name that a program, and not the kernel, chooses.
    static let name = "$(reboot)\u{1b}[2J;`x`"

    private var dice: Dice
    private let tids: [Int32] = [1, 701, 709, 733, .max, .max - 1, 4_194_304]

    init(seed: UInt64) { dice = Dice(seed) }

    /// Often nothing, the largest number, or something that looks like time.
    mutating func number() -> UInt64 {
        switch UInt64.random(in: 0..<8, using: &dice) {
        case 0: 0
        case 1: .max
        case 2: .max - UInt64.random(in: 0..<100, using: &dice)
        case 3: UInt64.random(in: 0...(.max), using: &dice)
        case 4: UInt64.random(in: 0..<100, using: &dice)
        default: UInt64.random(in: 0..<10_000_000_000, using: &dice)
        }
    }

    private mutating func signed() -> Int64 { Int64(bitPattern: number()) }

    mutating func chance() -> Bool { Bool.random(using: &dice) }

    private mutating func tid() -> Int32 { tids.randomElement(using: &dice) ?? 1 }

    /// Kernel threads are named by the kernel; what these are called steers rules.
    private mutating func culprit() -> Culprit {
        let kinds: [Culprit.Kind] = [.process, .kthread, .idle, .yield, .stoker, .unknown]
        let kind = kinds.randomElement(using: &dice) ?? .process
        let kernel = [
            "kworker/u8:1", "kworker/5:1", "ksoftirqd/5", "migration/5", "khugepaged", "ksmd",
            "kswapd0", "kcompactd0", "irq/57-nvme0q3", "rcuop/3",
        ]
        let name = kind == .kthread ? kernel.randomElement(using: &dice) ?? "" : Self.name
        return Culprit(kind: kind, id: tid(), name: name, cgroup: chance() ? "/a b.slice" : nil)
    }

    private mutating func thread() -> ThreadActivity {
        var thread = ThreadActivity(tid: tid(), pid: tid(), name: Self.name)
        thread.cpu = Int.random(in: 0..<1_000, using: &dice) % (chance() ? 8 : 1_000)
        thread.parent = tid()
        for state in ThreadState.allCases where chance() { thread.time[state] = number() }
        (thread.mmapLock, thread.writing, thread.systemTime) = (number(), number(), number())
        (thread.minorFaults, thread.majorFaults) = (number(), number())
        (thread.preemptions, thread.yields, thread.voluntarySwitches) = (
            number(), number(), number()
        )
        (thread.migrations, thread.cacheMigrations) = (number(), number())
        thread.nodeMigrations = number()
        if chance() { thread.timeByNode = byNode() }
        return thread
    }

    /// Node 7 does not exist.
    private mutating func byNode() -> [Int: UInt64] {
        [0: number(), 1: number(), 7: chance() ? number() : 0]
    }

    private mutating func perCPU() -> [UInt64] {
        (0..<([0, 1, 8, 9].randomElement(using: &dice) ?? 0)).map { _ in number() }
    }

    private mutating func threads() -> Threads {
        Threads(
            method: .probes, threads: (0..<9).map { _ in thread() },
            waits: (0..<17).map { _ in
                Wait(tid: tid(), culprit: culprit(), nanoseconds: number())
            })
    }

    private mutating func group() -> CgroupActivity {
        let path = ["/", "/job", "/system.slice/a.service", "/kubepods/x"]
            .randomElement(using: &dice)
        var group = CgroupActivity(
            folder: "/sys/fs/cgroup" + (path ?? ""), path: path ?? "/", version: chance() ? 1 : 2,
            pids: [tid(), tid()])
        group.bandwidth = Bandwidth(
            quotaMicroseconds: chance() ? number() : nil, periodMicroseconds: number(),
            periods: number(), throttledPeriods: number(), throttled: number())
        group.memory = MemoryControl(
            current: number(), limit: chance() ? number() : nil, high: chance() ? number() : nil,
            highEvents: number(), limitEvents: number(), fileRefaults: number())
        (group.tasks, group.tasksLimit, group.tasksRefused) = (number(), number(), number())
        group.memoryPressure = Stall(some: number(), full: number())
        group.ioLimits = [IOLimit(device: "8:0", file: "io.max", line: "8:0 rbps=1", lifted: "8:0")]
        return group
    }

    private mutating func disk() -> DiskActivity {
        var disk = DiskActivity(name: "sda", major: 8, minor: 0)
        (disk.reads, disk.readBytes, disk.readTime) = (number(), number(), number())
        (disk.writes, disk.writeBytes, disk.writeTime) = (number(), number(), number())
        (disk.busy, disk.inFlight) = (number(), number())
        return disk
    }

    private mutating func interrupts() -> Interrupts {
        let rows: [(String, Int?)] = [("41", 41), ("57", 57), ("LOC", nil), ("TLB", nil)]
        return Interrupts(
            lines: (rows + [("CAL", nil)]).map { label, irq in
                InterruptLine(
                    label: label, irq: irq, name: "virtio1-req.0", counts: perCPU(),
                    nanoseconds: perCPU(), watchedNanoseconds: perCPU())
            })
    }

    private mutating func softirqs() -> SoftIRQs {
        SoftIRQs(
            lines: ["BLOCK", "IRQ_POLL", "NET_RX", "TIMER", "RCU"].map {
                SoftIRQLine(
                    name: $0, counts: perCPU(), nanoseconds: perCPU(),
                    watchedNanoseconds: perCPU())
            }, dropped: number(), squeezed: number())
    }

    private mutating func readings() -> Readings {
        var readings = Readings()
        readings[Threads.self] = .success(threads())
        readings[Interrupts.self] = .success(interrupts())
        readings[SoftIRQs.self] = .success(softirqs())
        readings[Cgroups.self] = .success(Cgroups(groups: (0..<3).map { _ in group() }))
        readings[Disks.self] = .success(Disks(disks: [disk(), disk()]))
        readings[Pressure.self] = .success(Pressure(io: Stall(some: number(), full: number())))
        let counters = [
            "pgmajfault", "pswpin", "pswpout", "allocstall_normal", "pgsteal_direct",
            "compact_stall", "thp_fault_alloc", "thp_fault_fallback", "pgpgin", "pgscan_direct",
            "workingset_refault_file", "kswapd_low_wmark_hit_quickly", "zone_reclaim_success",
        ]
        readings[VirtualMemory.self] = .success(
            VirtualMemory(Dictionary(uniqueKeysWithValues: counters.map { ($0, number()) })))
        readings[FreeMemory.self] = .success(
            FreeMemory(meminfo: [
                "MemAvailable": number(), "Dirty": number(), "Writeback": number(),
                "AnonPages": number(), "AnonHugePages": number(), "MemTotal": number(),
            ]))
        readings[NodeMemory.self] = .success(NodeMemory(nodes: [0, 1].map { nodeMemory($0) }))
        readings[NUMABalancing.self] = .success(balancing())
        readings[Power.self] = .success(Power(cpus: (0..<8).map { power($0) }))
        readings[CPUs.self] = .success(CPUs(cpus: (0..<8).map { activity($0) }))
        (readings[FabricPorts.self], readings[PCIe.self]) = (.success(ports()), .success(links()))
        readings[GPUs.self] = .success(gpus())
        return readings
    }

    private mutating func nodeMemory(_ id: Int) -> NodeMemoryActivity {
        var node = NodeMemoryActivity(id: id)
        (node.foreign, node.misses, node.total) = (number(), number(), number())
        (node.free, node.file) = (chance() ? 0 : number(), number())
        if chance() { node.hugepages = [pool(id)] }
        return node
    }

    private mutating func pool(_ node: Int) -> HugepagePool {
        let sizes: [UInt64] = [0, 2 << 20, 1 << 30, number()]
        return HugepagePool(
            node: node, pageBytes: sizes.randomElement(using: &dice) ?? 0, total: signed(),
            free: chance() ? 0 : signed(), surplus: signed())
    }

    private mutating func balancing() -> NUMABalancing {
        NUMABalancing(
            scans: chance()
                ? nil
                : tids.map {
                    NUMAScan(tid: $0, count: number(), nanoseconds: number(), longest: number())
                },
            pagesMarked: number(), hintFaults: number(), localHintFaults: number(),
            pagesMigrated: number())
    }

    private mutating func memory() -> MemoryPlacement {
        var memory = MemoryPlacement()
        (memory.anonymous, memory.shared, memory.hugetlb) = (byNode(), byNode(), byNode())
        memory.policies = [Self.name: number(), "bind:7": number(), "interleave:x": number()]
        return memory
    }

    private mutating func device(_ irq: Int) -> DeviceFacts {
        let kind = DeviceFacts.Kind.allCases.randomElement(using: &dice) ?? .gpu
        var device = DeviceFacts(kind: kind, address: "0000:1b:00.0")
        device.node = chance() ? nil : [0, 1, 7].randomElement(using: &dice)
        device.interrupts = [irq]
        device.names = [Self.name]
        device.vendor = chance() ? 0x10de : 0x15b3
        device.bridges = chance() ? ["0000:1a:00.0", "0000:1b:00.0"] : []
        return device
    }

    private mutating func power(_ id: Int) -> CPUPower {
        var power = CPUPower(id: id)
        (power.kilohertz, power.thermalThrottles) = (signed(), number())
        power.idleEntries = [number(), number()]
        return power
    }

    /// `CPUActivity.total` adds six of these, so they stay below an eighth of what fits.
    private mutating func activity(_ id: Int) -> CPUActivity {
        var cpu = CPUActivity(id: id)
        (cpu.watched, cpu.other, cpu.idle) = (number() / 8, number() / 8, number() / 8)
        (cpu.kernel, cpu.irq, cpu.softirq) = (number() / 8, number() / 8, number() / 8)
        return cpu
    }

    private mutating func settings() -> Settings {
        var settings = Settings()
        for name in [
            "vm.max_map_count", "vm.zone_reclaim_mode", "vm.dirty_ratio", "vm.swappiness",
            "vm.dirty_bytes", "vm.watermark_scale_factor", "vm.vfs_cache_pressure",
            "vm.min_free_kbytes", "vm.compaction_proactiveness", "net.core.netdev_budget",
            "net.core.netdev_budget_usecs", "kernel.numa_balancing",
        ] { settings.sysctl[name] = "\(signed())" }
        settings.clocksource = chance() ? "hpet" : "tsc"
        settings.thpEnabled = chance() ? "never" : "always"
        settings.thpDefrag = chance() ? "always" : "madvise"
        (settings.ksmRun, settings.khugepagedScanMilliseconds) = (1, signed())
        settings.sharedMemory = FilesystemUse(sizeBytes: number(), usedBytes: number())
        settings.swapDevices = [
            SwapDevice(name: "/dev/sda2", sizeBytes: number(), usedBytes: number())
        ]
        return settings
    }

    private mutating func powerFacts() -> PowerFacts {
        var power = PowerFacts()
        var policy = FrequencyPolicy(id: 0, cpus: CPUList(0..<8))
        (policy.governor, policy.maximumKilohertz) = ("powersave", signed())
        (power.policies, power.turboDisabled) = ([policy], chance())
        power.idleStates = [0, 1].map {
            IdleState(
                index: $0, name: "C\($0)", exitLatencyMicroseconds: signed(), isDisabled: false)
        }
        return power
    }

    private mutating func facts() -> HostFacts {
        var facts = chance() ? Scheduling.eightCPUs() : Scheduling.twoCPUs()
        facts.memoryTotalBytes = number()
        facts.settings = settings()
        facts.power = powerFacts()
        facts.managers.hasSystemd = chance()
        facts.managers.running = chance() ? ["irqbalance", "tuned"] : []
        var disk = DiskFacts(name: "sda", major: 8, minor: 0)
        (disk.readAheadKilobytes, disk.scheduler) = (signed(), "bfq")
        facts.disks = [disk]
        facts.hugepages = [0, 1].map { pool($0) }
        facts.devices = [device(41), device(57)]
        facts.gpus = [gpuFacts()]
        facts.pcie = pcieSettings()
        facts.isVirtualMachine = chance()
        facts.interrupts = [41, 57].map {
            var irq = InterruptFacts(irq: $0, name: "nvme0q1")
            (irq.device, irq.isManaged) = (chance() ? "0000:1b:00.0" : nil, chance())
            return irq
        }
        return facts
    }

    private mutating func job() -> Job {
        let processes = Set(tids).sorted().map { pid in
            var process = ProcessFacts(pid: pid, parent: tid(), name: Self.name, command: Self.name)
            (process.openFiles, process.openFilesLimit) = (number(), number())
            (process.lockedLimit, process.mappings) = (number(), number())
            process.ompThreads = Int(truncatingIfNeeded: number())
            process.affinityChanges = [pid: Int(truncatingIfNeeded: number())]
            process.allowed = chance() ? CPUList([0, 5]) : nil
            process.hasDeviceOpen = chance()
            process.gpus = chance() ? [Self.gpu] : []
            (process.computesOnGPU, process.hasGDRCopy) = (chance(), chance())
            process.memory = chance() ? memory() : nil
            process.allowedNodes = chance() ? [0, 7] : nil
            return process
        }
        let roles = tids.map { ($0, Role.allCases.randomElement(using: &dice) ?? .other) }
        return Job(
            scope: chance() ? .host : .processes, processes: processes,
            roles: Dictionary(uniqueKeysWithValues: roles))
    }

    mutating func observation() -> Observation {
        Observation(
            facts: facts(), job: job(), whole: Window(nanoseconds: number(), change: readings()),
            timeline: (0..<(chance() ? 0 : 6)).map { _ in
                Window(nanoseconds: number(), change: readings())
            })
    }
}
