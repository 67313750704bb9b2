package import Host

/// A host by its description. Trees of /proc and /sys are computed from it, so that machines
/// nobody has here can be read; no file of a real one is copied.
package struct Machine: Sendable {
    package var name: String
    package var kernel = "6.8.0-45-generic"
    package var commandLine = "BOOT_IMAGE=/vmlinuz root=UUID=0 ro"
    package var isVirtual = false
    package var clocksource = "tsc"
    package var cores: [Core] = []
    /// CPUs that exist and do not run.
    package var offline: Set<Int> = []
    /// By node number; nodes are numbered without gaps.
    package var nodes: [Node] = []
    package var caches = CacheSizes()
    package var devices: [Device] = []
    package var interrupts: [Interrupt] = []
    package var hugepages: [HugepagePool] = []
    /// `nil` where the hypervisor keeps clock rates and idle states to itself.
    package var power: Power?
    package var thpEnabled = "madvise"
    package var thpDefrag = "madvise"
    package var sysctls: [String: String] = [
        "kernel.numa_balancing": "0", "kernel.pid_max": "4194304", "kernel.nmi_watchdog": "1",
        "kernel.sched_rt_runtime_us": "950000", "vm.swappiness": "60",
        "vm.zone_reclaim_mode": "0", "vm.dirty_ratio": "20", "vm.dirty_background_ratio": "10",
        "vm.watermark_scale_factor": "10", "vm.max_map_count": "65530",
        "vm.compaction_proactiveness": "20", "vm.min_free_kbytes": "90112",
        "net.core.netdev_budget": "300", "net.core.netdev_budget_usecs": "2000",
    ]
    package var ranks: [Rank] = []
    /// Daemons beside systemd, by comm.
    package var daemons: [String] = []
    /// Interrupts a second of each device vector, on the CPU that takes it.
    package var vectorRate: UInt64 = 3
    /// RDMA ports that are not as their adapter's usually are, by the name of the device.
    package var ports: [String: Port] = [:]
    /// PCIe lanes that are in use, by address, where they are fewer than 16.
    package var lanes: [String: Int] = [:]
    /// Errors a second that a PCI function reports and corrects, by address.
    package var linkErrors: [String: UInt64] = [:]

    package init(_ name: String) { self.name = name }

    /// A physical core.
    package struct Core: Sendable {
        /// CPU numbers of its hardware threads.
        package var cpus: [Int]
        package var id: Int
        package var package: Int
        package var node: Int
        /// Number of the last-level cache in the host.
        package var cache: Int
    }

    package struct Node: Sendable {
        package var memoryBytes: UInt64
        /// To every node, this one included.
        package var distances: [Int]

        package init(gibibytes: UInt64, distances: [Int]) {
            memoryBytes = gibibytes << 30
            self.distances = distances
        }
    }

    /// KiB: of each core, and of each group of cores that share the last level.
    package struct CacheSizes: Sendable {
        package var data: UInt64 = 32
        package var instruction: UInt64 = 32
        package var second: UInt64 = 1024
        package var third: UInt64 = 32_768
    }

    package struct Device: Sendable {
        package var kind: DeviceFacts.Kind
        package var address: String
        /// Bridges above it, the root port first.
        package var bridges: [String] = []
        /// `nil`: the firmware does not say.
        package var node: Int?
        package var vendor: Int
        package var device: Int
        package var driver: String
        /// Network interface and RDMA device, drive and name space, or graphics card.
        package var names: [String] = []
    }

    package struct Interrupt: Sendable {
        package var irq: Int
        package var name: String
        /// PCI address; `nil` for the board's own.
        package var device: String?
        /// Its number in the chip or the device.
        package var vector: Int
        package var affinity: [Int]
        /// The one CPU that takes it.
        package var effective: Int
        package var isManaged: Bool
    }

    package struct Power: Sendable {
        package var isIntel: Bool
        package var governor = "performance"
        package var preference: String?
        package var maximumKilohertz: Int64
        package var idleStates: [IdleState]
    }

    /// A process of the job with one GPU, and its loaders.
    package struct Rank: Sendable {
        package var pid: Int32
        package var node: Int
        package var allowed: [Int]
        package var threads: [Int32]
        package var loaders: [Int32]
    }
}

extension Machine: CustomStringConvertible {
    package var description: String { name }
}

extension Machine {
    /// Every CPU that exists, ascending.
    package var cpus: [Int] { cores.flatMap(\.cpus).sorted() }
    /// Those that run.
    package var online: [Int] { cpus.filter { !offline.contains($0) } }

    /// CPUs of a node that run.
    package func cpus(of node: Int) -> [Int] {
        cores.filter { $0.node == node }.flatMap(\.cpus).filter { !offline.contains($0) }.sorted()
    }

    /// CPUs that run and share the last-level cache `cache`.
    package func cpus(sharing cache: Int) -> [Int] {
        cores.filter { $0.cache == cache }.flatMap(\.cpus).filter { !offline.contains($0) }
            .sorted()
    }

    package func core(of cpu: Int) -> Core? { cores.first { $0.cpus.contains(cpu) } }

    /// Adds `count` cores of one node, `perCache` of which share a last-level cache; `cpus` gives
    /// the numbers of the hardware threads of the nth.
    package mutating func addCores(
        _ count: Int, package: Int, node: Int, perCache: Int, cpus: (Int) -> [Int]
    ) {
        let caches = (cores.map(\.cache).max() ?? -1) + 1
        let ids = cores.count { $0.package == package }
        cores += (0..<count).map { index in
            Core(
                cpus: cpus(index), id: ids + index, package: package, node: node,
                cache: caches + index / perCache)
        }
    }

    /// Adds a device and the interrupts of its message vectors, spread over the CPUs of its node.
    package mutating func add(_ device: Device, vectors: [String]) {
        devices.append(device)
        let local = device.node.map { cpus(of: $0) } ?? []
        let spread = local.isEmpty ? online : local
        for (index, vector) in vectors.enumerated() {
            let cpu = spread[index % spread.count]
            // A drive's queues are the kernel's to place; its first vector takes commands only.
            let isManaged = device.kind == .drive && index > 0
            interrupts.append(
                Interrupt(
                    irq: nextInterrupt, name: vector, device: device.address, vector: index,
                    affinity: isManaged ? [cpu] : spread, effective: cpu, isManaged: isManaged))
        }
    }

    /// Adds the interrupts that every board has.
    package mutating func addBoardInterrupts() {
        let first = online.first ?? 0
        for (irq, name) in [(0, "timer"), (8, "rtc0"), (9, "acpi")] {
            interrupts.append(
                Interrupt(
                    irq: irq, name: name, device: nil, vector: irq, affinity: online,
                    effective: first, isManaged: false))
        }
    }

    /// Adds a rank of `threads` threads for each of the nodes, with `loaders` processes each.
    package mutating func addRanks(nodes: [Int], threads: Int, loaders: Int) {
        for (index, node) in nodes.enumerated() {
            let pid = Int32(10_000 + 1_000 * index)
            ranks.append(
                Rank(
                    pid: pid, node: node, allowed: cpus(of: node),
                    threads: (0..<threads).map { pid + Int32($0) },
                    loaders: (0..<loaders).map { pid + 500 + Int32($0) }))
        }
    }

    /// Legacy interrupts end at 24 on such machines.
    private var nextInterrupt: Int { max(24, (interrupts.map(\.irq).max() ?? 0) + 1) }
}
