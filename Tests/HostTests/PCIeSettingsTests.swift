import Machines
import Testing

@testable import Host

/// Configuration spaces as the hardware lays them out: PCI Express Base Specification, chapter 7.
@Suite struct PCIeSettingsTests {
    private static let path = "pci0000:15/0000:15:01.0/0000:1b:00.0"

    /// Power management at 0x60, PCI Express at 0x78; advanced errors at 0x100, ACS at 0x1e0.
    private func space(control: UInt16, access: UInt16, length: Int = 4096) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        bytes[0x34] = 0x60
        bytes.replaceSubrange(0x60..<0x62, with: [0x01, 0x78])
        bytes.replaceSubrange(0x78..<0x7a, with: [0x10, 0])
        bytes.replaceSubrange(0x80..<0x82, with: [UInt8(control & 0xff), UInt8(control >> 8)])
        bytes.replaceSubrange(0x100..<0x104, with: [0x01, 0, 0x02, 0x1e])
        bytes.replaceSubrange(0x1e0..<0x1e4, with: [0x0d, 0, 0x01, 0])
        bytes.replaceSubrange(0x1e6..<0x1e8, with: [UInt8(access & 0xff), UInt8(access >> 8)])
        return Array(bytes.prefix(length))
    }

    private func settings(_ bytes: [UInt8]?) throws -> PCIeSettings {
        let tree = Tree()
        try tree.function(Self.path, class: "0x030200", ids: "10de:2330", node: "1")
        if let bytes { try tree.write("/sys/devices/\(Self.path)/config", bytes: bytes) }
        return PCIeSettings.read(from: tree.host, of: PCIBus.read(from: tree.host).devices)
    }

    private func gpu(_ bytes: [UInt8]?) throws -> PCIeFunctionSettings {
        try #require(try settings(bytes).functions["0000:1b:00.0"])
    }

    @Test func registersAreFoundThroughTheirChains() throws {
        let found = try gpu(space(control: 0x2936, access: 0x1d))
        #expect((found.deviceControl, found.accessControl) == (0x2936, 0x1d))
        #expect(found.readRequestBytes == 512)
        #expect(found.largestRequestControl == 0x5936)
        #expect(found.hasRelaxedOrdering == true)
        #expect(found.isRedirected == true)
    }

    @Test(arguments: [(0x0, 128), (0x1, 256), (0x2, 512), (0x3, 1024), (0x4, 2048), (0x5, 4096)])
    func readRequestsArePowersOfTwo(code: UInt16, bytes: Int) throws {
        let found = try gpu(space(control: code << 12, access: 0x11))
        #expect(found.readRequestBytes == bytes)
        #expect(found.hasRelaxedOrdering == false && found.isRedirected == false)
    }

    @Test func whatOthersThanRootSeeTellsNothing() throws {
        #expect(try gpu(space(control: 0x2936, access: 0x1d, length: 64)) == PCIeFunctionSettings())
        #expect(try gpu(nil) == PCIeFunctionSettings())
        let old = try gpu(space(control: 0x2936, access: 0x1d, length: 256))
        #expect(old.deviceControl == 0x2936 && old.accessControl == nil)
    }

    @Test func chainsInCirclesEnd() throws {
        var bytes = space(control: 0x2936, access: 0x1d)
        bytes.replaceSubrange(0x78..<0x7a, with: [0x05, 0x60])
        bytes.replaceSubrange(0x1e0..<0x1e4, with: [0x0e, 0, 0x01, 0x10])
        #expect(try gpu(bytes) == PCIeFunctionSettings())
        #expect(try gpu([UInt8](repeating: 0xff, count: 4096)) == PCIeFunctionSettings())
    }

    @Test func theRestIsReadFromItsFiles() throws {
        let tree = Tree()
        try tree.function(Self.path, class: "0x030200", ids: "10de:2330", node: "1")
        try tree.write("/sys/devices/\(Self.path)/iommu_group/type", "DMA-FQ")
        try tree.write(
            "/sys/module/pcie_aspm/parameters/policy",
            "default performance [powersave] powersupersave")
        tree.makeFolder("/sys/module/nvidia_peermem")
        try tree.write("/dev/gdrdrv", "")
        try tree.write(
            "/proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build")
        tree.makeFolder("/proc/driver/nvidia-nvswitch/devices/0000:05:00.0")
        let found = PCIeSettings.read(from: tree.host, of: PCIBus.read(from: tree.host).devices)
        #expect(found.functions["0000:1b:00.0"]?.translation == "DMA-FQ")
        #expect(found.functions.keys.sorted() == ["0000:15:01.0", "0000:1b:00.0"])
        #expect(found.aspmPolicy == "powersave")
        #expect(found.hasGDRCopyDevice)
        #expect(found.hasPeerMemory && found.isNVIDIAOpen == true && found.switches == 1)
        #expect(PCIeSettings.read(from: Tree().host, of: []) == PCIeSettings())
    }
}
