package import Host

/// Where the kernel found memory, and what each node has left.
package struct NodeMemory: Signal {
    package static let name = "numa"

    package var nodes: [NodeMemoryActivity]
    package var gaps: Gaps

    package init(nodes: [NodeMemoryActivity] = [], gaps: Gaps = Gaps()) {
        self.nodes = nodes
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<NodeMemory> {
        let host = source.host
        _ = try totals(of: host)
        return { () throws(Unavailable) in try totals(of: host) }
    }

    private static let folder = "/sys/devices/system/node"

    /// The nodes are listed at every reading: memory can be plugged in.
    static func totals(of host: Host) throws(Unavailable) -> NodeMemory {
        let ids = host.numbered("node", in: folder)
        guard !ids.isEmpty else {
            throw Unavailable("no memory node in \(folder): a kernel without CONFIG_NUMA")
        }
        let pools = Dictionary(grouping: HugepagePool.read(from: host), by: \.node)
        var memory = NodeMemory()
        for id in ids {
            do throws(FileError) {
                var node = NodeMemoryActivity(id: id)
                node.count(parsing: try host.bytes("\(folder)/node\(id)/numastat"))
                node.measure(parsing: try host.bytes("\(folder)/node\(id)/meminfo"))
                node.hugepages = pools[id] ?? []
                memory.nodes.append(node)
            } catch {
                memory.gaps.reasons.append(Unavailable(error).reason)
            }
        }
        guard !memory.nodes.isEmpty else {
            throw Unavailable(memory.gaps.reasons.joined(separator: "; "))
        }
        if memory.nodes.count > 1, host.sysctl("vm.numa_stat") == "0" {
            memory.gaps.reasons.append(
                "vm.numa_stat is 0: the kernel does not count on which node memory was found")
        }
        return memory
    }

    package func since(_ earlier: NodeMemory) -> NodeMemory {
        NodeMemory(
            nodes: matched(nodes, earlier.nodes, by: \.id).map { now, before in
                before.map { now.since($0) } ?? now
            }, gaps: gaps.since(earlier.gaps))
    }
}

/// One node: /sys/devices/system/node/nodeN/{numastat,meminfo,hugepages}.
package struct NodeMemoryActivity: Equatable, Sendable, Codable {
    package var id: Int
    /// Pages that were allocated here as wanted, here although another node was wanted, and
    /// elsewhere although this one was wanted (numa_hit, numa_miss, numa_foreign).
    package var hits: UInt64 = 0
    package var misses: UInt64 = 0
    package var foreign: UInt64 = 0
    /// Pages allocated here by threads that ran here, and by threads that ran elsewhere
    /// (local_node, other_node).
    package var local: UInt64 = 0
    package var other: UInt64 = 0
    /// Bytes now.
    package var total: UInt64 = 0
    package var free: UInt64 = 0
    package var file: UInt64 = 0
    package var anonymous: UInt64 = 0
    package var anonymousHuge: UInt64 = 0
    /// Its pools of reserved huge pages now.
    package var hugepages: [HugepagePool] = []

    package init(id: Int) { self.id = id }

    /// Lines of numastat read `numa_hit 176759297`.
    mutating func count(parsing bytes: [UInt8]) {
        let counters = KernelText.keyedNumbers(bytes)
        hits = counters["numa_hit"] ?? 0
        misses = counters["numa_miss"] ?? 0
        foreign = counters["numa_foreign"] ?? 0
        local = counters["local_node"] ?? 0
        other = counters["other_node"] ?? 0
    }

    /// Lines of meminfo read `Node 0 MemFree:  5722340 kB`.
    mutating func measure(parsing bytes: [UInt8]) {
        var text = KernelText(bytes)
        while text.nextLine() {
            guard text.skip("Node"), text.word() != nil, let name = text.word() else { continue }
            let value = (text.number() ?? 0) &* 1024
            switch name {
            case "MemTotal:": total = value
            case "MemFree:": free = value
            case "FilePages:": file = value
            case "AnonPages:": anonymous = value
            case "AnonHugePages:": anonymousHuge = value
            default: continue
            }
        }
    }

    fileprivate func since(_ earlier: NodeMemoryActivity) -> NodeMemoryActivity {
        var change = self
        change.hits = growth(hits, earlier.hits)
        change.misses = growth(misses, earlier.misses)
        change.foreign = growth(foreign, earlier.foreign)
        change.local = growth(local, earlier.local)
        change.other = growth(other, earlier.other)
        return change
    }
}
