import Host
import Machines
import Testing

/// Two sockets with a memory node each and one without CPUs; CPUs 4 to 7 do not exist, 11 is
/// offline, 8 to 10 are isolated.
struct TwoSocketTests {
    private func facts() throws -> HostFacts {
        let tree = Tree()
        try writeTopology(tree)
        try writeDevices(tree)
        try writeSettings(tree)
        return HostFacts.read(from: tree.host)
    }

    @Test func keepsGapsAndOfflineCPUs() throws {
        let topology = try facts().topology
        #expect(topology.cpus.map(\.id) == [0, 1, 2, 3, 8, 9, 10, 11])
        #expect(topology.online.description == "0-3,8-10")
        #expect(topology.isolated.description == "8-10")
        #expect(topology.nohzFull.isEmpty)
        let offline = topology.cpu(11)
        #expect(offline?.isOnline == false)
        #expect(offline?.core == nil)
        #expect(offline?.lastLevelCache == nil)
        #expect(offline?.node == 1)
    }

    @Test func tellsCoresSocketsNodesAndCaches() throws {
        let topology = try facts().topology
        #expect(topology.cpu(9)?.package == 1)
        #expect(topology.cpu(9)?.siblings.description == "8-9")
        #expect(topology.cpu(9)?.node == 1)
        #expect(topology.cpu(9)?.lastLevelCache == 8)
        #expect(topology.cpu(3)?.lastLevelCache == 0)
    }

    @Test func keepsNodesWithoutCPUs() throws {
        let nodes = try facts().topology.nodes
        #expect(nodes.map(\.id) == [0, 1, 2])
        #expect(nodes[2].cpus.isEmpty)
        #expect(nodes.map(\.memoryBytes) == [1 << 30, 0, 3 << 30])
        #expect(nodes[1].distances == [21, 10, 14])
    }

    @Test func knowsWhichInterruptsAreManaged() throws {
        let interrupts = try facts().interrupts
        #expect(interrupts.map(\.irq) == [60, 61, 62, 63, 64])
        #expect(interrupts.map(\.isManaged) == [nil, true, nil, nil, false])
        #expect(interrupts[1].affinity?.description == "8-10")
        #expect(interrupts[1].node == 1)
    }

    @Test func readsDrivesPowerAndPools() throws {
        let facts = try facts()
        #expect(facts.disks.map(\.name) == ["cciss/c0d0", "nvme0n1"])
        #expect(facts.disks[1].node == 1)
        #expect(facts.disks[1].isRotational == false)
        #expect(facts.power.policies.map(\.cpus.description) == ["0-1"])
        #expect(facts.power.idleStates.map(\.exitLatencyMicroseconds) == [0, 133])
        #expect(facts.power.idleStates.map(\.isDisabled) == [false, true])
        #expect(facts.power.turboDisabled == true)
        #expect(facts.hugepages.map(\.free) == [3])
    }

    @Test func readsSettingsAndManagers() throws {
        let facts = try facts()
        #expect(facts.settings.schedExt == "layered")
        #expect(facts.settings.swapDevices.map(\.name) == ["/swap file"])
        #expect(facts.settings.swapDevices.map(\.usedBytes) == [1024])
        #expect(facts.managers.running == ["irqbalance", "slurmd"])
        #expect(facts.managers.tunedProfile == "throughput-performance")
        #expect(!facts.managers.hasSystemd)
        #expect(facts.cgroups.unified == "/sys/fs/cgroup")
        #expect(facts.cgroups.unifiedControllers == ["cpuset", "cpu", "memory"])
        #expect(facts.isVirtualMachine == false)
    }

    private func writeTopology(_ tree: borrowing Tree) throws {
        let cpus = "/sys/devices/system/cpu"
        try tree.write("\(cpus)/online", "0-3,8-10")
        try tree.write("\(cpus)/isolated", "8-10")
        try tree.write("\(cpus)/nohz_full", "  (null)")
        try tree.write("\(cpus)/cpu11/node1/cpulist", "8-10")
        for cpu in [0, 1, 2, 3, 8, 9, 10] {
            let folder = "\(cpus)/cpu\(cpu)"
            let even = cpu & ~1
            try tree.write("\(folder)/topology/core_id", "\(cpu / 2)")
            try tree.write("\(folder)/topology/physical_package_id", "\(cpu / 8)")
            try tree.write(
                "\(folder)/topology/thread_siblings_list", cpu == 10 ? "10" : "\(even)-\(even + 1)")
            for (index, level, type, shared) in [
                (0, 1, "Data", "\(cpu)"), (2, 2, "Unified", "\(cpu)"),
                (3, 3, "Unified", cpu < 8 ? "0-3" : "8-10"),
            ] {
                let cache = "\(folder)/cache/index\(index)"
                try tree.write("\(cache)/level", "\(level)")
                try tree.write("\(cache)/type", type)
                try tree.write("\(cache)/shared_cpu_list", shared)
            }
        }
        let nodes = "/sys/devices/system/node"
        try tree.write("\(nodes)/possible", "0-2")
        for (node, list, kilobytes, distances) in [
            (0, "0-3", 1 << 20, "10 21 14"), (1, "8-10", 0, "21 10 14"),
            (2, "", 3 << 20, "14 14 10"),
        ] {
            try tree.write("\(nodes)/node\(node)/cpulist", list)
            try tree.write("\(nodes)/node\(node)/distance", distances)
            try tree.write(
                "\(nodes)/node\(node)/meminfo",
                "Node \(node) MemTotal:       \(kilobytes) kB\nNode \(node) MemFree: 1 kB")
        }
        let pool = "\(nodes)/node1/hugepages/hugepages-2048kB"
        try tree.write("\(pool)/nr_hugepages", "5")
        try tree.write("\(pool)/free_hugepages", "3")
    }

    private func writeDevices(_ tree: borrowing Tree) throws {
        let counts = " 1 2 3 4 5 6 7 "
        try tree.write(
            "/proc/interrupts",
            """
                 CPU0 CPU1 CPU2 CPU3 CPU8 CPU9 CPU10
             60:\(counts) IR-PCI-MSIX-0000:01:00.0 0-edge      nvme0q0
             61:\(counts) IR-PCI-MSIX-0000:01:00.0 1-edge      nvme0q1
             62:\(counts) IR-PCI-MSIX-0000:01:00.0 2-edge      nvme0q2
             63:\(counts) IR-PCI-MSIX-0000:02:00.0 0-edge      mlx5_comp0@pci:0000:02:00.0
             64:\(counts) IR-PCI-MSIX-0000:02:00.0 1-edge      mlx5_comp1@pci:0000:02:00.0
            LOC:\(counts)   Local timer interrupts
            """)
        for irq in [60, 61, 63, 64] {
            try tree.write("/proc/irq/\(irq)/smp_affinity_list", "8-10")
            try tree.write("/proc/irq/\(irq)/effective_affinity_list", "8")
            try tree.write("/proc/irq/\(irq)/node", "1")
        }
        try tree.write("/sys/kernel/debug/irq/irqs/64", "handler:  handle_edge_irq\nstatus: 0x0")
        try tree.write("/sys/block/nvme0n1/dev", "259:0")
        try tree.write("/sys/block/nvme0n1/queue/rotational", "0")
        try tree.write("/sys/block/nvme0n1/device/numa_node", "1")
        try tree.write("/sys/block/nvme0c0n1/hidden", "1")
        try tree.write("/sys/block/ram3/dev", "1:3")
        try tree.write("/sys/block/cciss!c0d0/dev", "104:0")
        try tree.write("/sys/block/cciss!c0d0/device/numa_node", "-1")
    }

    private func writeSettings(_ tree: borrowing Tree) throws {
        let cpus = "/sys/devices/system/cpu"
        try tree.write("\(cpus)/cpufreq/policy0/affected_cpus", "0 1")
        try tree.write("\(cpus)/cpufreq/policy0/scaling_governor", "powersave")
        try tree.write("\(cpus)/intel_pstate/no_turbo", "1")
        for (index, name, latency, disable) in [(0, "POLL", 0, 0), (1, "C6", 133, 1)] {
            let state = "\(cpus)/cpu0/cpuidle/state\(index)"
            try tree.write("\(state)/name", name)
            try tree.write("\(state)/latency", "\(latency)")
            try tree.write("\(state)/disable", "\(disable)")
        }
        try tree.write("/sys/kernel/sched_ext/state", "enabled")
        try tree.write("/sys/kernel/sched_ext/root/ops", "layered")
        try tree.write(
            "/proc/swaps", "Filename  Type  Size Used Priority\n/swap\\040file file 2048 1 -2")
        for (pid, name) in [(1, "init"), (12, "irqbalance"), (99, "slurmd"), (100, "bash")] {
            try tree.write("/proc/\(pid)/comm", name)
        }
        try tree.write("/etc/tuned/active_profile", "throughput-performance")
        try tree.write(
            "/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0")
        try tree.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory")
        try tree.write("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme pdpe1gb")
    }
}
