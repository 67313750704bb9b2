import Fabric
import Host
import Outputs
import Training

/// A host of two nodes with a job on it, and one with as much as a host can have.
enum TopologySamples {
    /// Eight CPUs: two threads to a core, CPUs 4 to 7 are the siblings of 0 to 3; CPU 3 is
    /// isolated, CPU 8 is offline.
    static var facts: HostFacts {
        var facts = HostFacts()
        facts.hostname = "gpu-17"
        facts.kernel = "6.8.0"
        facts.memoryTotalBytes = 12 << 30
        facts.topology = topology
        facts.hugepages = [
            HugepagePool(node: 0, pageBytes: 2 << 20, total: 1024, free: 512, surplus: 3),
            HugepagePool(node: 0, pageBytes: 1 << 30, total: 0, free: 0, surplus: 0),
            HugepagePool(node: 1, pageBytes: 2 << 20, total: 0, free: 0, surplus: 0),
        ]
        facts.devices = devices
        facts.interrupts = interrupts
        return facts
    }

    private static var topology: Topology {
        var topology = Topology()
        topology.cpus = (0..<9).map { id in
            var cpu = CPUFacts(id: id)
            cpu.isOnline = id < 8
            cpu.node = id < 8 ? id % 4 / 2 : 1
            guard cpu.isOnline else { return cpu }
            cpu.package = id % 4 / 2
            cpu.core = id % 4
            cpu.lastLevelCache = id % 4 / 2 * 2
            cpu.siblings = CPUList([id % 4, id % 4 + 4])
            return cpu
        }
        topology.online = CPUList(0..<8)
        topology.isolated = CPUList([3])
        topology.nodes = [
            NodeFacts(
                id: 0, cpus: CPUList([0, 1, 4, 5]), memoryBytes: 4 << 30, distances: [10, 21]),
            NodeFacts(
                id: 1, cpus: CPUList([2, 3, 6, 7]), memoryBytes: 8 << 30, distances: [21, 10]),
        ]
        for (first, level, type, size) in [
            (0, 1, "Data", 48 << 10), (2, 1, "Data", 48 << 10),
            (0, 3, "Unified", 105 << 20), (2, 3, "Unified", 105 << 20),
        ] {
            let core = [first, first + 4]
            let cpus = level == 1 ? core : core + core.map { $0 + 1 }
            topology.caches.append(
                CacheFacts(
                    level: level, type: type, sizeBytes: UInt64(size), cpus: CPUList(cpus)))
        }
        return topology
    }

    private static var devices: [DeviceFacts] {
        var gpu = DeviceFacts(kind: .gpu, address: "0000:1b:00.0")
        gpu.names = ["nvidia0"]
        gpu.node = 0
        gpu.bridges = ["0000:15:01.0", "0000:16:00.0", "0000:17:01.0"]
        gpu.link = LinkFacts(gigatransfers: 2.5, lanes: 16)
        gpu.link?.mostGigatransfers = 32
        gpu.link?.mostLanes = 16
        gpu.interrupts = [40]
        var adapter = DeviceFacts(kind: .fabric, address: "0000:18:00.0")
        adapter.names = ["mlx5_0", "ibp24s0"]
        adapter.node = 0
        adapter.bridges = ["0000:15:01.0", "0000:16:00.0", "0000:17:00.0"]
        adapter.interrupts = [41, 42, 43]
        var drive = DeviceFacts(kind: .drive, address: "0000:81:00.0")
        (drive.vendor, drive.device, drive.driver) = (0x144d, 0xa824, "vfio-pci")
        return [adapter, gpu, drive]
    }

    private static var interrupts: [InterruptFacts] {
        [(40, 0), (41, 1), (42, 2), (43, 6)].map { irq, cpu in
            var row = InterruptFacts(irq: irq, name: "vector")
            row.device = irq == 40 ? "0000:1b:00.0" : "0000:18:00.0"
            row.affinity = irq == 40 ? CPUList(0..<8) : CPUList([cpu])
            row.effective = CPUList([cpu])
            row.isManaged = irq == 43
            return row
        }
    }

    private static var port: FabricPort {
        var facts = FabricPortFacts(device: "mlx5_0", port: 1)
        (facts.address, facts.layer) = ("0000:18:00.0", .infiniBand)
        (facts.state, facts.physicalState) = ("ACTIVE", "LinkUp")
        (facts.gigabits, facts.lanes) = (400, 4)
        var port = FabricPort(facts)
        port.port = FabricCounters(["port_xmit_data": 7])
        return port
    }

    static var rank: ProcessPlacement {
        var facts = ProcessFacts(pid: 4242, name: "python3", command: "python3 train.py")
        facts.rank = 3
        facts.hasDeviceOpen = true
        facts.allowedNodes = [0, 1]
        var memory = MemoryPlacement()
        memory.anonymous = [0: 3 << 30, 1: 1 << 30]
        memory.shared = [1: 1 << 30]
        memory.file = [0: 7 << 30]
        memory.policies = ["default": 4 << 30, "bind:1": 1 << 30]
        facts.memory = memory
        let threads = [(4242, 0), (4243, 4), (4244, 1), (4245, 6)].map { tid, cpu in
            ThreadPlacement(
                tid: Int32(tid), name: "python3", cpu: cpu,
                allowed: tid == 4245 ? CPUList(0..<8) : CPUList([0, 1, 4, 5]))
        }
        return ProcessPlacement(facts: facts, threads: threads)
    }

    static var map: HostMap {
        let memory: [Int: NodeUse] = [
            0: NodeUse(free: 1 << 30, anonymousHuge: 512 << 20),
            1: NodeUse(free: nil, anonymousHuge: nil),
        ]
        var map = HostMap(
            facts: facts, memory: memory, choice: .named, processes: [rank],
            takenAt: 1_767_225_600)
        map.ports = [port]
        return map
    }
}

extension TopologySamples {
    /// Eight nodes of 32 CPUs, 1,000 interrupts, eight GPUs, twenty drives on one node and forty
    /// processes.
    static var large: HostMap {
        var facts = HostFacts()
        facts.hostname = "large"
        facts.topology.cpus = (0..<256).map { id in
            var cpu = CPUFacts(id: id)
            cpu.node = id % 128 / 16
            cpu.package = id % 128 / 64
            cpu.core = id % 128
            cpu.lastLevelCache = id % 128 / 16 * 16
            cpu.siblings = CPUList([id % 128, id % 128 + 128])
            return cpu
        }
        facts.topology.online = CPUList(0..<256)
        facts.topology.nodes = (0..<8).map { node in
            let cpus = facts.topology.cpus.filter { $0.node == node }.map(\.id)
            return NodeFacts(
                id: node, cpus: CPUList(cpus), memoryBytes: 128 << 30,
                distances: (0..<8).map { $0 == node ? 10 : 32 })
        }
        for node in 0..<8 { addDevices(onNode: node, to: &facts) }
        let processes = (0..<40).map { index in
            let pid = Int32(5001 + index)
            return ProcessPlacement(
                facts: ProcessFacts(pid: pid, name: "python3"),
                threads: [
                    ThreadPlacement(
                        tid: pid, name: "python3", cpu: index * 3, allowed: CPUList(0..<256))
                ])
        }
        return HostMap(facts: facts, choice: .named, processes: processes)
    }

    /// A GPU with a link at rest, an adapter with 125 vectors over the CPUs of the node.
    private static func addDevices(onNode node: Int, to facts: inout HostFacts) {
        let cpus = facts.topology.nodes[node].cpus.cpus
        var gpu = DeviceFacts(kind: .gpu, address: "0000:0\(node):00.0")
        gpu.node = node
        gpu.names = ["nvidia\(node)", "card\(node)", "renderD\(128 + node)"]
        gpu.link = LinkFacts(gigatransfers: 2.5, lanes: 8)
        gpu.link?.mostGigatransfers = 16
        gpu.link?.mostLanes = 16
        var adapter = DeviceFacts(kind: .fabric, address: "0000:1\(node):00.0")
        adapter.node = node
        adapter.names = ["mlx5_\(node)", "ibp\(node)s0"]
        adapter.interrupts = (0..<125).map { 100 + node * 125 + $0 }
        facts.devices += [gpu, adapter]
        facts.interrupts += adapter.interrupts.enumerated().map { index, irq in
            var row = InterruptFacts(irq: irq, name: "mlx5_comp\(index)")
            row.device = adapter.address
            row.affinity = facts.topology.nodes[node].cpus
            row.effective = CPUList([cpus[index % 29]])
            return row
        }
        guard node == 5 else { return }
        facts.devices += (0..<20).map { index in
            var drive = DeviceFacts(kind: .drive, address: "10000:\(10 + index):00.0")
            drive.node = node
            drive.names = ["nvme\(index)n1"]
            return drive
        }
    }
}
