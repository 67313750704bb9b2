package import Host

/// How far two PCI devices are from each other, in the words of `nvidia-smi topo`, near first.
package enum PCIeDistance: String, Sendable, Codable, Comparable, CaseIterable {
    /// At most one switch lies between them.
    case switched = "PIX"
    /// Several switches, and no processor.
    case switches = "PXB"
    /// The host bridge of one processor.
    case hostBridge = "PHB"
    /// Several host bridges of one memory node.
    case node = "NODE"
    /// The link between processors.
    case system = "SYS"

    package static func < (left: Self, right: Self) -> Bool {
        let order = Self.allCases
        return order.firstIndex(of: left) ?? 0 < order.firstIndex(of: right) ?? 0
    }

    /// `nil` where they share no bridge and the node of one of them is not known.
    package init?(from first: DeviceFacts, to second: DeviceFacts) {
        let shared = zip(first.bridges, second.bridges).prefix { $0 == $1 }.count
        if shared > 0 {
            let below = max(first.bridges.count, second.bridges.count) - shared
            self = below <= 1 ? .switched : .switches
        } else if let bridge = first.hostBridge, bridge == second.hostBridge {
            self = .hostBridge
        } else if let left = first.node, let right = second.node {
            self = left == right ? .node : .system
        } else {
            return nil
        }
    }
}

extension DeviceFacts {
    /// Of `others` those that are nearest to this device, by address.
    package func nearest(
        of others: [DeviceFacts]
    ) -> (devices: [DeviceFacts], distance: PCIeDistance)? {
        let measured = others.compactMap { other in
            PCIeDistance(from: self, to: other).map { (other, $0) }
        }
        guard let least = measured.map(\.1).min() else { return nil }
        return (measured.filter { $0.1 == least }.map(\.0), least)
    }
}
