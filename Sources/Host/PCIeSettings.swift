/// How PCI Express and what belongs to it are set for the devices of training.
package struct PCIeSettings: Sendable, Equatable, Codable {
    /// GPUs, adapters of a fabric and the bridges above them, by PCI address.
    package var functions: [String: PCIeFunctionSettings] = [:]
    /// The choice of /sys/module/pcie_aspm/parameters/policy: `default`, `performance` …
    package var aspmPolicy: String?
    /// The NVIDIA driver's module for RDMA into GPUs is loaded.
    package var hasPeerMemory = false
    /// GDRCopy's driver made its device file.
    package var hasGDRCopyDevice = false
    /// The NVIDIA driver in the kernel is the open one, which hands GPU memory on as DMA-BUF.
    package var isNVIDIAOpen: Bool?
    /// NVSwitches that the driver serves.
    package var switches = 0

    package init() {}
}

/// Of one function; `nil` where it cannot be read: others than root see 64 bytes of the
/// configuration space.
package struct PCIeFunctionSettings: Sendable, Equatable, Codable {
    /// The device control register of the PCI Express capability.
    package var deviceControl: Int?
    /// The ACS control register.
    package var accessControl: Int?
    /// The default domain of its IOMMU group: `identity`, `DMA`, `DMA-FQ`; `nil` without IOMMU.
    package var translation: String?

    package init() {}

    /// The most that one read request asks for, bytes: 128 to 4096.
    package var readRequestBytes: Int? { deviceControl.map { 128 << ($0 >> 12 & 7) } }
    /// Packets may overtake one another.
    package var hasRelaxedOrdering: Bool? { deviceControl.map { $0 & 1 << 4 != 0 } }
    /// ACS sends what one device writes to another by way of the processor: request or completion
    /// redirect.
    package var isRedirected: Bool? { accessControl.map { $0 & (1 << 2 | 1 << 3) != 0 } }
    /// Device control with the largest read request, 4,096 bytes.
    package var largestRequestControl: Int? { deviceControl.map { $0 & ~(7 << 12) | 5 << 12 } }
}

extension PCIeSettings {
    package static func read(from host: Host, of devices: [DeviceFacts]) -> PCIeSettings {
        var settings = PCIeSettings()
        let own = devices.filter { $0.kind == .gpu || $0.kind == .fabric }
        for address in Set(own.flatMap { $0.bridges + [$0.address] }) {
            guard let folder = PCIBus.folder(of: address, host) else { continue }
            let space = ConfigurationSpace((try? host.bytes("\(folder)/config", limit: 4096)) ?? [])
            var function = PCIeFunctionSettings(space)
            function.translation = host.line("\(folder)/iommu_group/type")
            settings.functions[address] = function
        }
        settings.aspmPolicy = host.choice("/sys/module/pcie_aspm/parameters/policy")
        settings.hasPeerMemory = host.exists("/sys/module/nvidia_peermem")
        settings.hasGDRCopyDevice = host.exists("/dev/gdrdrv")
        settings.isNVIDIAOpen = host.line("/proc/driver/nvidia/version")
            .map { $0.contains("Open Kernel Module") }
        settings.switches = host.names(in: "/proc/driver/nvidia-nvswitch/devices").count
        return settings
    }
}

extension PCIeFunctionSettings {
    fileprivate init(_ space: ConfigurationSpace) {
        deviceControl = space.deviceControl.map(Int.init)
        accessControl = space.accessControl.map(Int.init)
    }
}

/// The configuration space of a PCI function, as far as it could be read. Registers by the PCI
/// Express Base Specification; bytes that are not there read as nothing.
struct ConfigurationSpace {
    private static let capabilities = 0x34
    private static let extended = 0x100
    private static let expressID: UInt8 = 0x10
    private static let accessControlID: UInt16 = 0x0d
    /// More than fit into the space: the chain is a circle.
    private static let longestChain = 48

    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Device control of the PCI Express capability.
    var deviceControl: UInt16? {
        var at = Int(byte(Self.capabilities) ?? 0) & 0xfc
        for _ in 0..<Self.longestChain where at >= 0x40 {
            if byte(at) == Self.expressID { return word(at + 8) }
            at = Int(byte(at + 1) ?? 0) & 0xfc
        }
        return nil
    }

    /// Control of the extended capability ACS.
    var accessControl: UInt16? {
        var at = Self.extended
        for _ in 0..<Self.longestChain where at >= Self.extended {
            guard let id = word(at), let next = word(at + 2), id != 0, id != 0xffff else {
                return nil
            }
            if id == Self.accessControlID { return word(at + 6) }
            at = Int(next >> 4) & 0xffc
        }
        return nil
    }

    private func byte(_ at: Int) -> UInt8? { bytes.indices.contains(at) ? bytes[at] : nil }

    private func word(_ at: Int) -> UInt16? {
        guard let low = byte(at), let high = byte(at + 1) else { return nil }
        return UInt16(high) << 8 | UInt16(low)
    }
}
