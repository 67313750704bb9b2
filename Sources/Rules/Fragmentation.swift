import Host
import Signals
import Training

private let hugeOrder = 9  // 2 MiB in pages of 4 KiB
/// A node with a smaller part of it in free pieces of 2 MiB is broken up, percent. Judgement.
private let leastLarge = 1.0

extension MemoryZone {
    /// Free memory in pieces of 2 MiB and more, pages.
    fileprivate var largePages: UInt64 {
        freeBlocks.enumerated().dropFirst(hugeOrder)
            .reduce(0) { $0 &+ $1.element << UInt64($1.offset) }
    }

    /// Share of the zone in free pieces of 2 MiB and more, percent.
    var largePercent: Double {
        managed > 0 ? 100 * Double(largePages) / Double(managed) : 0
    }
}

extension Observation {
    /// Nodes whose free memory is in pieces below 2 MiB, ascending; none on hosts of one node.
    /// DMA zones are too small to say anything of their node.
    var brokenNodes: [Int] {
        guard facts.topology.hasNodes else { return [] }
        let zones = (optional(FreeMemory.self)?.zones ?? []).filter {
            $0.name != "DMA" && !$0.freeBlocks.isEmpty
        }
        return Dictionary(grouping: zones, by: \.node).filter { _, zones in
            let managed = zones.reduce(0.0) { $0 + Double($1.managed) }
            let large = zones.reduce(0.0) { $0 + Double($1.largePages) }
            return managed > 0 && 100 * large / managed < leastLarge
        }.keys.sorted()
    }

    /// `; free memory of node 1 is in small pieces`, or nothing.
    var brokenNodesInWords: String {
        let nodes = brokenNodes
        guard !nodes.isEmpty else { return "" }
        return "; free memory of \(PlacementText.nodes(nodes)) is in pieces below 2 MiB"
    }

    /// Puts free memory together: on the broken nodes alone where they are known.
    var compactNow: [String] {
        let nodes = brokenNodes
        guard !nodes.isEmpty else { return ["echo 1 > /proc/sys/vm/compact_memory"] }
        return nodes.map { "echo 1 > /sys/devices/system/node/node\($0)/compact" }
    }
}
