/// A GPU as its driver describes it. `nil` always means "not told", never "off".
package struct GPUFacts: Sendable, Equatable, Codable {
    package enum Vendor: String, Sendable, Codable { case nvidia, amd }

    /// PCI address in lower case, `0000:1b:00.0`: the key of this GPU everywhere.
    package var pci: String
    package var vendor: Vendor
    package var name: String?
    package var uuid: String?
    /// N of /dev/nvidiaN; the card's number in /dev/dri for AMD.
    package var minor: Int?
    /// `nil` where the firmware does not say (numa_node is -1): never guessed.
    package var numaNode: Int?
    package var memoryBytes: UInt64?
    package var maxLinkGeneration: Int?
    package var maxLinkLanes: Int?
    package var defaultPowerMilliwatts: UInt64?
    /// The limit that holds now; somebody may have lowered it.
    package var enforcedPowerMilliwatts: UInt64?
    package var maxSMMegahertz: UInt64?
    package var hasPersistence: Bool?
    package var hasMIG: Bool?
    package var driverVersion: String?

    package init(pci: String, vendor: Vendor) {
        self.pci = pci
        self.vendor = vendor
    }

    /// `NVIDIA H100 80GB HBM3 (0000:1b:00.0)`
    package var label: String { name.map { "\($0) (\(pci))" } ?? "GPU \(pci)" }
}

/// What the process that asks the drivers is called: it has GPUs open and is no training.
package let gpuWorkerName = "stoker-gpu"

/// A PCI address as drivers and their logs write it, such as `00000000:1B:00.0` or `0000:1b:00`,
/// in the form that sysfs uses; `nil` when it is none.
package func pciAddress(_ text: some StringProtocol) -> String? {
    let parts = text.lowercased().split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, let domain = UInt32(parts[0], radix: 16),
        let bus = UInt8(parts[1], radix: 16)
    else { return nil }
    let ends = parts[2].split(separator: ".", omittingEmptySubsequences: false)
    guard ends.count <= 2, let first = ends.first, let device = UInt8(first, radix: 16),
        device < 32, let function = ends.count == 2 ? UInt8(ends[1], radix: 16) : 0, function < 8
    else { return nil }
    return padded(domain, 4) + ":" + padded(UInt32(bus), 2) + ":" + padded(UInt32(device), 2)
        + ".\(function)"
}

private func padded(_ number: UInt32, _ width: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
