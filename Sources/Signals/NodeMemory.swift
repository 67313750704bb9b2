package import Host

/// Where the kernel found memory, and what each node has left.
package struct NodeMemory: Signal {
    package static let name = "numa"

    package var nodes: [NodeMemoryActivity]

    package init(nodes: [NodeMemoryActivity] = []) { self.nodes = nodes }

    package static func open(on source: Source) throws(Unavailable) -> Reader<NodeMemory> {
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: NodeMemory) -> NodeMemory {
        let before = Dictionary(earlier.nodes.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        return NodeMemory(nodes: nodes.map { now in before[now.id].map { now.since($0) } ?? now })
    }
}

/// One node: /sys/devices/system/node/nodeN/{numastat,meminfo,hugepages}.
package struct NodeMemoryActivity: Equatable, Sendable {
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
