/// What the host is and how it is set: inventory and settings, read at start. Plain values;
/// `nil` always means "could not be read", never "off".
package struct HostFacts: Sendable, Equatable, Codable {
    package var hostname = ""
    /// `uname -r`.
    package var kernel = ""
    /// Parsed out of `kernel`, for advice that depends on it, never for choosing a probe.
    package var kernelVersion = KernelVersion(major: 0, minor: 0)
    /// Words of /proc/cmdline.
    package var commandLine: [String] = []
    package var isVirtualMachine: Bool?
    package var memoryTotalBytes: UInt64 = 0

    package var topology = Topology()
    package var settings = Settings()
    package var interrupts: [InterruptFacts] = []
    package var disks: [DiskFacts] = []
    package var devices: [DeviceFacts] = []
    /// As their drivers describe them; empty until a driver was asked.
    package var gpus: [GPUFacts] = []
    package var power = PowerFacts()
    package var hugepages: [HugepagePool] = []
    package var cgroups = CgroupLayout()
    package var managers = Managers()
    package var pcie = PCIeSettings()

    package init() {}
}

package struct KernelVersion: Sendable, Equatable, Comparable, Codable {
    package var major: Int
    package var minor: Int

    package init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

/// CPUs, caches and memory nodes.
package struct Topology: Sendable, Equatable, Codable {
    package var cpus: [CPUFacts] = []
    package var online = CPUList([])
    package var isolated = CPUList([])
    package var nohzFull = CPUList([])
    package var nodes: [NodeFacts] = []
    /// Every cache of the CPUs that run, each once.
    package var caches: [CacheFacts] = []
    /// /sys/devices/system/cpu/smt/control: `on`, `off`, `notsupported` …
    package var smtControl: String?

    package init() {}

    /// Where no number is missing below it, a CPU stands at its own.
    package func cpu(_ id: Int) -> CPUFacts? {
        if cpus.indices.contains(id), cpus[id].id == id { return cpus[id] }
        return cpus.first { $0.id == id }
    }

    /// Ids of the nodes that threads can run on, ascending.
    package var nodesWithCPUs: [Int] { nodes.filter { !$0.cpus.isEmpty }.map(\.id).sorted() }
}

package struct CPUFacts: Sendable, Equatable, Codable {
    package var id: Int
    package var isOnline = true
    package var core: Int?
    package var package: Int?
    package var node: Int?
    /// Identifies the last-level cache: the lowest CPU that shares it.
    package var lastLevelCache: Int?
    /// Hardware threads of the same core, this one included.
    package var siblings = CPUList([])

    package init(id: Int) { self.id = id }
}

package struct NodeFacts: Sendable, Equatable, Codable {
    package var id: Int
    package var cpus: CPUList
    package var memoryBytes: UInt64
    package var distances: [Int]

    package init(id: Int, cpus: CPUList, memoryBytes: UInt64, distances: [Int]) {
        self.id = id
        self.cpus = cpus
        self.memoryBytes = memoryBytes
        self.distances = distances
    }
}

/// Switches of the kernel. Text values are as the file shows them, the chosen word of a
/// bracketed list (`always [madvise] never`) alone.
package struct Settings: Sendable, Equatable, Codable {
    /// By sysctl name with dots: `vm.swappiness`. Only the names that `Settings.sysctls` lists.
    package var sysctl: [String: String] = [:]
    /// /sys/kernel/mm/transparent_hugepage/{enabled,defrag}
    package var thpEnabled: String?
    package var thpDefrag: String?
    package var khugepagedScanMilliseconds: Int64?
    package var clocksource: String?
    package var clocksourcesAvailable: [String] = []
    /// /sys/devices/virtual/workqueue/cpumask as a list.
    package var workqueueCPUs: CPUList?
    /// /proc/irq/default_smp_affinity as a list.
    package var defaultInterruptCPUs: CPUList?
    /// /sys/kernel/mm/ksm/run
    package var ksmRun: Int64?
    /// A sched_ext scheduler that is loaded; `nil` when there is none or it cannot be told.
    package var schedExt: String?
    package var swapDevices: [SwapDevice] = []
    /// Size and use of /dev/shm in bytes.
    package var sharedMemory: FilesystemUse?

    package init() {}

    /// The sysctl `name` as a number.
    package func number(_ name: String) -> Int64? { sysctl[name].flatMap { Int64($0) } }
}

package struct SwapDevice: Sendable, Equatable, Codable {
    package var name: String
    package var sizeBytes: UInt64
    package var usedBytes: UInt64

    package init(name: String, sizeBytes: UInt64, usedBytes: UInt64) {
        self.name = name
        self.sizeBytes = sizeBytes
        self.usedBytes = usedBytes
    }
}

package struct FilesystemUse: Sendable, Equatable, Codable {
    package var sizeBytes: UInt64
    package var usedBytes: UInt64

    package init(sizeBytes: UInt64, usedBytes: UInt64) {
        self.sizeBytes = sizeBytes
        self.usedBytes = usedBytes
    }
}

/// One line of /proc/interrupts that has a number, with what /proc/irq/N says of it.
package struct InterruptFacts: Sendable, Equatable, Codable {
    package var irq: Int
    /// The action names as /proc/interrupts shows them: `virtio1-req.0`, `mlx5_comp3@pci:…`.
    package var name: String
    package var affinity: CPUList?
    package var effective: CPUList?
    package var node: Int?
    /// PCI address of the device that raises it; `nil` for others and where it cannot be told.
    package var device: String?
    /// The kernel refuses writes (PCI/MSI queue interrupts that it spreads itself); `nil` unknown.
    package var isManaged: Bool?

    package init(irq: Int, name: String) {
        self.irq = irq
        self.name = name
    }
}

package struct DiskFacts: Sendable, Equatable, Codable {
    package var name: String
    package var major: Int
    package var minor: Int
    package var readAheadKilobytes: Int64?
    /// The chosen word of queue/scheduler.
    package var scheduler: String?
    package var isRotational: Bool?
    package var node: Int?

    package init(name: String, major: Int, minor: Int) {
        self.name = name
        self.major = major
        self.minor = minor
    }
}

package struct PowerFacts: Sendable, Equatable, Codable {
    package var policies: [FrequencyPolicy] = []
    /// Idle states of CPU 0, by index.
    package var idleStates: [IdleState] = []
    /// intel_pstate/no_turbo = 1 or cpufreq/boost = 0.
    package var turboDisabled: Bool?

    package init() {}
}

package struct FrequencyPolicy: Sendable, Equatable, Codable {
    package var id: Int
    package var cpus: CPUList
    package var governor: String?
    package var energyPreference: String?
    package var maximumKilohertz: Int64?

    package init(id: Int, cpus: CPUList) {
        self.id = id
        self.cpus = cpus
    }
}

package struct IdleState: Sendable, Equatable, Codable {
    package var index: Int
    package var name: String
    package var exitLatencyMicroseconds: Int64
    package var isDisabled: Bool

    package init(index: Int, name: String, exitLatencyMicroseconds: Int64, isDisabled: Bool) {
        self.index = index
        self.name = name
        self.exitLatencyMicroseconds = exitLatencyMicroseconds
        self.isDisabled = isDisabled
    }
}

/// Reserved huge pages of one size on one node.
package struct HugepagePool: Sendable, Equatable, Codable {
    package var node: Int
    package var pageBytes: UInt64
    package var total: Int64
    package var free: Int64
    package var surplus: Int64

    package init(node: Int, pageBytes: UInt64, total: Int64, free: Int64, surplus: Int64) {
        self.node = node
        self.pageBytes = pageBytes
        self.total = total
        self.free = free
        self.surplus = surplus
    }
}

/// Where the control groups are mounted.
package struct CgroupLayout: Sendable, Equatable, Codable {
    /// Mount point of the cgroup v2 tree, if any.
    package var unified: String?
    /// Mount point of each v1 controller: `cpu`, `memory`, `cpuset`, `blkio`, `pids` …
    package var version1: [String: String] = [:]
    /// Controllers that the v2 tree really offers (cgroup.controllers at its root).
    package var unifiedControllers: [String] = []

    package init() {}
}

/// Who else changes the knobs that Stoker talks about.
package struct Managers: Sendable, Equatable, Codable {
    /// Name of the running daemon's process: `irqbalance`, `tuned`, `kubelet`, `slurmd`, `numad` …
    package var running: [String] = []
    /// /etc/tuned/active_profile
    package var tunedProfile: String?
    package var hasSystemd = false

    package init() {}
}
