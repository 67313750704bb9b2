package import Host

/// What a network interface carried: traffic of the kernel's network, such as TCP. RDMA goes past
/// it, and is counted by the ports of its device.
package struct NetworkInterface: Equatable, Sendable, Codable {
    /// `eth0`, `ibp24s0`
    package var name: String
    package var receivedBytes: UInt64
    package var sentBytes: UInt64

    package init(name: String, receivedBytes: UInt64 = 0, sentBytes: UInt64 = 0) {
        self.name = name
        self.receivedBytes = receivedBytes
        self.sentBytes = sentBytes
    }
}

/// The interfaces that have hardware of their own: what bridges, tunnels and containers carry goes
/// through one of them, or does not leave the host.
package struct NetworkReader: Sendable {
    private static let folder = "/sys/class/net"

    private let host: Host
    private var names: [String] = []

    package init(_ host: Host) { self.host = host }

    /// Running totals. `brief` looks for no new interfaces.
    package mutating func read(_ pace: FabricPace) -> [NetworkInterface] {
        if pace == .everything {
            names = host.names(in: Self.folder).filter {
                host.exists("\(Self.folder)/\($0)/device")
            }
            .sorted()
        }
        return names.compactMap { name in
            let counters = "\(Self.folder)/\(name)/statistics"
            guard let received = host.count("\(counters)/rx_bytes"),
                let sent = host.count("\(counters)/tx_bytes")
            else { return nil }
            return NetworkInterface(name: name, receivedBytes: received, sentBytes: sent)
        }
    }
}
