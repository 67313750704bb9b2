/// One port of an RDMA device: InfiniBand, RoCE or EFA.
package struct FabricPortFacts: Sendable, Equatable, Codable {
    package enum Layer: String, Sendable, Codable {
        case infiniBand = "InfiniBand"
        case ethernet = "Ethernet"
        /// What is neither, such as EFA.
        case other
    }

    /// What the kernel calls the device: `mlx5_0`, `rdmap16s27`.
    package var device: String
    /// The first is 1.
    package var port: Int
    /// PCI address: `0000:18:00.0`; `nil` for devices made of software.
    package var address: String?
    /// The network interface of the port, where it has one: `ibp24s0`.
    package var interface: String?
    package var driver: String?
    package var layer: Layer = .other
    /// In the kernel's words: `ACTIVE`, `DOWN` …
    package var state: String?
    /// `LinkUp`, `Polling`, `Disabled` …
    package var physicalState: String?
    package var gigabits: Double?
    package var lanes: Int?
    /// `nil` where the firmware does not say: never guessed.
    package var node: Int?
    /// Of the network interface, bytes.
    package var mtu: Int?
    /// The traffic class that the vendor's driver puts on every packet, where it has such a knob.
    package var trafficClass: Int?

    package init(device: String, port: Int) {
        self.device = device
        self.port = port
    }

    /// `mlx5_0`, with the port where it is not the only one: `mlx4_0/2`.
    package var name: String { port == 1 ? device : "\(device)/\(port)" }
    package var isActive: Bool { state == "ACTIVE" }
    /// Soft RoCE and the like: the network card below it is somebody else's.
    package var isSoftware: Bool { address == nil }
    /// Bytes that the link carries in a second, one way.
    package var bytesPerSecond: Double? { gigabits.map { $0 * 1e9 / 8 } }
}

/// What a port is, and what it counted: running totals, or what happened between two readings.
package struct FabricPort: Sendable, Equatable, Codable {
    package var facts: FabricPortFacts
    /// The folder `counters`, which InfiniBand defines; data in units of four bytes.
    package var port = FabricCounters()
    /// The folder `hw_counters`, which the driver defines.
    package var hardware = FabricCounters()
    /// The network interface's: carrier changes, and of `ethtool -S` what is about the fabric.
    package var ethernet = FabricCounters()

    package init(_ facts: FabricPortFacts) { self.facts = facts }

    package func since(_ earlier: FabricPort) -> FabricPort {
        var change = self
        change.port = port.since(earlier.port, CounterWidth.port)
        change.hardware = hardware.since(earlier.hardware, CounterWidth.hardware)
        change.ethernet = ethernet.since(earlier.ethernet) { _ in .grows }
        return change
    }

    package var wasReset: Bool { port.wasReset || hardware.wasReset || ethernet.wasReset }

    /// The same port of the same device, also after the driver was loaded anew.
    package var key: String { "\(facts.device)/\(facts.port)" }
}
