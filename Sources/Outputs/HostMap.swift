package import Fabric
package import Host
package import Training

/// What `stoker topology` shows: the host, and where a job is on it at this moment.
package struct HostMap: Sendable {
    /// How the processes came to be listed.
    package enum Choice: String, Sendable {
        /// The user named them.
        case named
        /// They compute on a GPU or have an RDMA adapter open, or descend from one that has.
        case found
    }

    package var facts: HostFacts
    /// RDMA ports, with their counters as they stand.
    package var ports: [FabricPort] = []
    /// Memory in use, by node.
    package var memory: [Int: NodeUse]
    package var choice: Choice
    package var processes: [ProcessPlacement]
    /// Processes that did not let their open files be seen.
    package var refused: Int
    /// Seconds since 1970.
    package var takenAt: Double

    package init(
        facts: HostFacts, memory: [Int: NodeUse] = [:], choice: Choice = .found,
        processes: [ProcessPlacement] = [], refused: Int = 0, takenAt: Double = 0
    ) {
        self.facts = facts
        self.memory = memory
        self.choice = choice
        self.processes = processes
        self.refused = refused
        self.takenAt = takenAt
    }
}

/// Bytes of one node; `nil` where they cannot be read.
package struct NodeUse: Sendable, Equatable {
    package var free: UInt64?
    /// Anonymous memory in transparent huge pages.
    package var anonymousHuge: UInt64?

    package init(free: UInt64?, anonymousHuge: UInt64?) {
        self.free = free
        self.anonymousHuge = anonymousHuge
    }
}

/// A part of the map that is missing, and why.
struct MapGap: Equatable {
    var what: String
    var why: String
}

extension HostMap {
    /// CPU to node, as far as it is known.
    var nodeByCPU: [Int: Int] {
        var nodes: [Int: Int] = [:]
        for cpu in facts.topology.cpus { nodes[cpu.id] = cpu.node }
        return nodes
    }

    /// There is more than one node for memory to be on.
    var hasRemoteMemory: Bool { facts.topology.nodesWithMemory.count > 1 }

    /// A set of CPUs in few words: the node that it is, or the kernel's list form.
    func words(for cpus: CPUList) -> String {
        if cpus == facts.topology.online { return "every CPU" }
        let node = facts.topology.nodes.first { $0.cpus == cpus }
        return node.map { "node \($0.id)" } ?? cpus.short
    }

    /// Those on a node that is there.
    func devices(onNode id: Int) -> [DeviceFacts] { facts.devices.filter { $0.node == id } }

    /// Those of which no node, or none that is there, is told.
    var devicesElsewhere: [DeviceFacts] {
        let known = Set(facts.topology.nodes.map(\.id))
        return facts.devices.filter { device in device.node.map { !known.contains($0) } ?? true }
    }

    var adapters: [DeviceFacts] { facts.devices.filter { $0.kind == .fabric } }

    var gaps: [MapGap] {
        var gaps: [MapGap] = []
        if facts.topology.nodes.isEmpty {
            gaps.append(
                MapGap(what: "nodes", why: "this kernel shows none in /sys/devices/system/node"))
        }
        if facts.topology.caches.isEmpty {
            gaps.append(
                MapGap(what: "caches", why: "no CPU describes them in /sys/devices/system/cpu"))
        }
        if facts.interrupts.isEmpty {
            gaps.append(MapGap(what: "IRQs", why: "/proc/interrupts lists none or is unreadable"))
        }
        return gaps + [managedGap, refusedGap, memoryGap].compactMap { $0 }
    }

    private var managedGap: MapGap? {
        let rows = facts.interrupts.filter { $0.device != nil }
        let unknown = rows.filter { $0.isManaged == nil }.count
        guard unknown > 0 else { return nil }
        return MapGap(
            what: "managed",
            why: "whether the kernel moves them itself is not known of \(unknown) device IRQs "
                + "(of \(rows.count)): only debugfs tells, to root (CONFIG_GENERIC_IRQ_DEBUGFS)")
    }

    private var refusedGap: MapGap? {
        guard choice == .found, refused > 0 else { return nil }
        return MapGap(
            what: "processes",
            why: "whether \(counted(refused, "process")) of others "
                + "\(refused == 1 ? "has" : "have") a GPU open: run as root")
    }

    private var memoryGap: MapGap? {
        guard hasRemoteMemory else { return nil }
        let unread = processes.filter { $0.facts.memory == nil }.count
        let partly = processes.compactMap(\.facts.memory?.gap).first
        if unread == 0 {
            return partly.map { MapGap(what: "memory", why: "parts of the job's: \($0)") }
        }
        return MapGap(
            what: "memory",
            why: "on which nodes the memory of \(counted(unread, "process")) lies: "
                + "numa_maps may not be read, or the time for it was over")
    }
}

/// `10de:2330`
func hardwareID(_ number: Int?) -> String? {
    number.map { number in
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
