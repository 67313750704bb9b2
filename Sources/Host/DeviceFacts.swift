/// A PCI device that training cares about: where it sits and what it is called.
package struct DeviceFacts: Sendable, Equatable, Codable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case gpu, fabric, network, drive
    }

    package var kind: Kind
    /// PCI address: `0000:1b:00.0`.
    package var address: String
    /// What the kernel calls it: `nvme0n1`, `eth0`, `mlx5_0`; empty without a driver.
    package var names: [String] = []
    package var driver: String?
    /// PCI ids; `nil` when they cannot be read.
    package var vendor: Int?
    package var device: Int?
    /// `nil` where the firmware does not say (numa_node is -1): never guessed.
    package var node: Int?
    package var localCPUs: CPUList?
    /// Numbers of its message-signalled interrupts, ascending.
    package var interrupts: [Int] = []
    /// PCI addresses of the bridges above it, the root port first.
    package var bridges: [String] = []
    /// The root of its bus: `pci0000:15`; `nil` where its folder does not tell.
    package var hostBridge: String?
    /// `nil` where the device has no link of its own or does not tell.
    package var link: LinkFacts?

    package init(kind: Kind, address: String) {
        self.kind = kind
        self.address = address
    }
}

/// A PCI Express link: what it runs at, and what its end could do. A GPU slows it down at rest.
package struct LinkFacts: Sendable, Equatable, Codable {
    /// GT/s of one lane.
    package var gigatransfers: Double
    package var lanes: Int
    package var mostGigatransfers: Double?
    package var mostLanes: Int?

    package init(gigatransfers: Double, lanes: Int) {
        self.gigatransfers = gigatransfers
        self.lanes = lanes
    }
}

/// One cache of one or more CPUs.
package struct CacheFacts: Sendable, Equatable, Codable {
    package var level: Int
    /// `Data`, `Instruction`, `Unified`
    package var type: String
    /// 0 where the kernel does not tell.
    package var sizeBytes: UInt64
    package var cpus: CPUList

    package init(level: Int, type: String, sizeBytes: UInt64, cpus: CPUList) {
        self.level = level
        self.type = type
        self.sizeBytes = sizeBytes
        self.cpus = cpus
    }
}
