import Foundation
import Machines
import Testing

@testable import Host

/// Trees of PCI functions as sysfs has them: folders below their bridges, and links to them.
struct DeviceTests {
    private func devices(_ write: (borrowing Tree) throws -> Void) throws -> [DeviceFacts] {
        let tree = Tree()
        try write(tree)
        return PCIBus.read(from: tree.host).devices
    }

    @Test func tellsWhereADeviceSitsAndWhatItIs() throws {
        let devices = try devices { tree in
            let path = "pci0000:15/0000:15:01.0/0000:16:00.0/0000:17:02.0/0000:1b:00.0"
            try tree.function(path, class: "0x030200", ids: "10de:2330", node: "1")
            try tree.write("/sys/devices/\(path)/local_cpulist", "56-111,168-223")
            try tree.symlink(
                "/sys/devices/\(path)/driver", to: "../../../../../../bus/pci/drivers/nvidia")
            for irq in [203, 99, 100] {
                try tree.write("/sys/devices/\(path)/msi_irqs/\(irq)", "msix")
            }
            for (name, text) in [
                ("current_link_speed", "2.5 GT/s PCIe"), ("max_link_speed", "32.0 GT/s PCIe"),
                ("current_link_width", "8"), ("max_link_width", "16"),
            ] {
                try tree.write("/sys/devices/\(path)/\(name)", text)
            }
            try tree.write(
                "/proc/driver/nvidia/gpus/0000:1b:00.0/information",
                "Model: \t\t NVIDIA H100\nIRQ:   \t\t 99\nDevice Minor: \t 3")
            try tree.write("/sys/devices/\(path)/drm/card4/dev", "226:4")
            try tree.write("/sys/devices/\(path)/drm/version", "1")
        }
        var gpu = DeviceFacts(kind: .gpu, address: "0000:1b:00.0")
        gpu.names = ["nvidia3", "card4"]
        gpu.driver = "nvidia"
        gpu.vendor = 0x10de
        gpu.device = 0x2330
        gpu.node = 1
        gpu.localCPUs = CPUList(parsing: "56-111,168-223")
        gpu.interrupts = [99, 100, 203]
        gpu.bridges = ["0000:15:01.0", "0000:16:00.0", "0000:17:02.0"]
        gpu.hostBridge = "pci0000:15"
        gpu.link = LinkFacts(gigatransfers: 2.5, lanes: 8)
        gpu.link?.mostGigatransfers = 32
        gpu.link?.mostLanes = 16
        #expect(devices == [gpu])
    }

    @Test(arguments: [
        ("0x030000", "10de:1eb8", "gpu"), ("0x038000", "1002:740c", "gpu"),
        ("0x120000", "1002:74b5", "gpu"), ("0x030000", "1a03:2000", nil),
        ("0x030000", "1234:1111", nil), ("0x010802", "144d:a824", "drive"),
        ("0x010700", "1000:0097", nil), ("0x020000", "8086:1563", "network"),
        ("0x020700", "15b3:1021", "fabric"), ("0x060400", "1000:c010", nil),
        ("0x040300", "10de:10fa", nil), ("0xffff00", "1af4:1045", nil), ("nonsense", "1:2", nil),
    ])
    func knowsKindsByClass(code: String, ids: String, kind: String?) throws {
        let found = try devices { tree in
            try tree.function("pci0000:00/0000:00:03.0", class: code, ids: ids, node: "0")
        }
        #expect(found.map(\.kind.rawValue) == (kind.map { [$0] } ?? []))
    }

    @Test func anEthernetAdapterThatSpeaksRDMAIsFabric() throws {
        let found = try devices { tree in
            let path = "pci0000:80/0000:81:00.0"
            try tree.function(path, class: "0x020000", ids: "15b3:1019", node: "1")
            try tree.write("/sys/devices/\(path)/net/enp129s0/mtu", "4200")
            try tree.write("/sys/devices/\(path)/infiniband/mlx5_0/fw_ver", "1")
        }
        #expect(found.map(\.kind) == [.fabric])
        #expect(found.map(\.names) == [["mlx5_0", "enp129s0"]])
    }

    @Test func namesDrivesBehindEveryController() throws {
        let found = try devices { tree in
            let disks = [
                ("0000:01:00.0", "0x010802", "nvme/nvme0/nvme0n1"),
                ("0000:02:00.0", "0x010802", "nvme/nvme1/nvme7c1n3"),
                ("0000:03:00.0", "0x010802", "nvme/nvme2/hwmon4"),
                ("0000:04:00.0", "0x010601", "ata3/host2/target2:0:0/2:0:0:0/block/sda"),
                (
                    "0000:05:00.0", "0x010700",
                    "host0/port-0:0/expander-0:0/port-0:0:1/end_device-0:0:1/target0:0:1/0:0:1:0"
                        + "/block/sdq"
                ),
                ("0000:06:00.0", "0x018000", "virtio1/block/vda"),
                ("0000:07:00.0", "0x010000", "virtio9/host9/target9:0:0"),
            ]
            for (address, code, disk) in disks {
                let path = "pci0000:00/\(address)"
                try tree.function(path, class: code, ids: "1af4:1001", node: "-1")
                try tree.write("/sys/devices/\(path)/\(disk)/size", "99")
            }
        }
        #expect(
            found.map(\.names) == [
                ["nvme0n1"], ["nvme7n3"], ["nvme2"], ["sda"], ["sdq"], ["vda"],
            ])
        #expect(found.allSatisfy { $0.kind == .drive })
    }

    @Test func aVirtualFunctionIsADeviceOfItsOwn() throws {
        let found = try devices { tree in
            for function in ["0000:3b:00.0", "0000:3b:00.2"] {
                let path = "pci0000:3a/0000:3a:00.0/\(function)"
                try tree.function(path, class: "0x020000", ids: "8086:1592", node: "0")
            }
            let parent = "/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0"
            try tree.write("\(parent)/virtio3/net/eth4/mtu", "1500")
            try tree.symlink("\(parent)/virtfn0", to: "../0000:3b:00.2")
            let child = "/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.2"
            try tree.symlink("\(child)/physfn", to: "../0000:3b:00.0")
            try tree.write("\(child)/net/eth5/mtu", "1500")
        }
        #expect(found.map(\.address) == ["0000:3b:00.0", "0000:3b:00.2"])
        #expect(found.map(\.names) == [["eth4"], ["eth5"]])
        #expect(found.map(\.bridges) == [["0000:3a:00.0"], ["0000:3a:00.0"]])
    }

    @Test func domainsAreKeptApartAndHostBridgesAreNone() throws {
        let found = try devices { tree in
            try tree.function(
                "LNXSYSTM:00/VMBUS:01/47505500-0001/pci0002:00/0002:00:00.0", class: "0x120000",
                ids: "1002:74b5", node: "0")
            // A volume management device has a domain of its own below its function.
            try tree.function(
                "pci0000:80/0000:80:05.5/pci10000:00/10000:00:02.0/10000:01:00.0",
                class: "0x010802", ids: "8086:0a54", node: "1")
        }
        #expect(found.map(\.address) == ["0002:00:00.0", "10000:01:00.0"])
        #expect(found.map(\.bridges) == [[], ["0000:80:05.5", "10000:00:02.0"]])
    }

    @Test func anUnknownNodeStaysUnknown() throws {
        let found = try devices { tree in
            for (slot, node) in [("1", "-1"), ("2", "0"), ("3", ""), ("4", "one")] {
                try tree.function(
                    "pci0000:00/0000:00:0\(slot).0", class: "0x020000", ids: "8086:1563",
                    node: node)
            }
        }
        #expect(found.map(\.node) == [nil, 0, nil, nil])
    }

    @Test func leavesTheTreeByNoLink() throws {
        let outside = Tree()
        try outside.write("/secret/0000:00:01.0/class", "0x030200")
        let target = outside.host.root + "/secret/0000:00:01.0"
        let found = try devices { tree in
            let folder = "/sys/bus/pci/devices"
            try tree.symlink("\(folder)/0000:00:01.0", to: target)
            try tree.symlink(
                "\(folder)/0000:00:02.0",
                to: String(repeating: "../", count: 40) + target.dropFirst())
            // Right by its text, but about another function.
            try tree.function(
                "pci0000:00/0000:00:04.0", class: "0x030200", ids: "10de:1", node: "0")
            try tree.symlink(
                "\(folder)/0000:00:05.0", to: "../../../devices/pci0000:00/0000:00:04.0")
        }
        #expect(found.map(\.address) == ["0000:00:04.0"])
    }

    @Test(arguments: [
        "", "-1", "99999999999999999999999", "0x", "0xfffffffffff", "-0x1", "nan GT/s PCIe",
        "inf GT/s", "1e400 GT/s PCIe", "-8 GT/s PCIe", "255", "\u{1b}[2J", "0-99999999999",
    ])
    func whatMakesNoSenseIsUnknown(text: String) throws {
        let found = try devices { tree in
            let path = "pci0000:00/0000:00:03.0"
            try tree.function(path, class: "0x030200", ids: "10de:1", node: "0")
            for name in [
                "vendor", "device", "numa_node", "local_cpulist", "current_link_speed",
                "max_link_speed", "current_link_width", "max_link_width",
            ] {
                try tree.write("/sys/devices/\(path)/\(name)", text)
            }
        }
        var gpu = DeviceFacts(kind: .gpu, address: "0000:00:03.0")
        gpu.hostBridge = "pci0000:00"
        // The one file in which these say something.
        gpu.localCPUs = ["": CPUList([]), "255": CPUList([255])][text]
        gpu.node = text == "255" ? 255 : nil
        #expect(found == [gpu])
    }

    @Test func aTreeCopiedWithoutLinksIsReadToo() throws {
        let found = try devices { tree in
            try tree.write("/sys/bus/pci/devices/0000:00:04.0/class", "0x030200")
        }
        #expect(found == [DeviceFacts(kind: .gpu, address: "0000:00:04.0")])
    }

    @Test(arguments: [
        "", ":", "..", "0000:00:00.0\n", "0000:00:00", "0000:00:0g.0", "000:00:00.0",
        "0000:00:00.00", "0000:000:00.0", "0000:00:00.0.0", "\u{1b}[2J:00:00.0", "0000:00:00.é",
    ])
    func refusesWhatIsNoAddress(name: String) {
        #expect(!PCIBus.isAddress(name))
    }

    @Test func noPCIBusIsAnEmptyList() {
        #expect(PCIBus.read(from: Tree().host).devices.isEmpty)
    }

    @Test(arguments: [
        ("nvme0n1", "nvme0n1"), ("nvme10c3n12", "nvme10n12"), ("nvme0", nil), ("ng0n1", nil),
        ("nvmen", nil), ("nvme0n", nil), ("nvme0n1p1", nil), ("nvmecn1", nil), ("hwmon1", nil),
    ])
    func knowsDrivesFromTheirPaths(name: String, drive: String?) {
        #expect(DeviceNames.drive(name) == drive)
    }
}

/// Which device raises an interrupt, and on which node it is.
struct InterruptOwnerTests {
    private func interrupts(deviceNode: String) throws -> [InterruptFacts] {
        let tree = Tree()
        // Of no kind that is listed: its interrupts are its own all the same.
        try tree.function("pci0000:00/0000:00:05.0", class: "0xffff00", ids: "1af4:1045", node: "0")
        try tree.write("/sys/devices/pci0000:00/0000:00:05.0/msi_irqs/31", "msix")
        try tree.function(
            "pci0000:80/0000:80:01.0/0000:81:00.0", class: "0x010802", ids: "144d:a824",
            node: deviceNode)
        for irq in [40, 41] {
            let folder = "/sys/devices/pci0000:80/0000:80:01.0/0000:81:00.0/msi_irqs"
            try tree.write("\(folder)/\(irq)", "msix")
        }
        try tree.write(
            "/proc/interrupts",
            """
                 CPU0
              9: 1  IO-APIC  9-fasteoi acpi
             31: 1  PCI-MSI 3-edge virtio3-rx
             40: 1  PCI-MSI 0-edge nvme0q0
             41: 1  PCI-MSI 1-edge nvme0q1
            """)
        for (irq, node) in [(9, "0"), (31, "0"), (40, "0"), (41, "1")] {
            try tree.write("/proc/irq/\(irq)/node", node)
        }
        return HostFacts.read(from: tree.host).interrupts
    }

    @Test func theDeviceSaysWhereItsVectorsBelong() throws {
        let interrupts = try interrupts(deviceNode: "1")
        #expect(interrupts.map(\.device) == [nil, "0000:00:05.0", "0000:81:00.0", "0000:81:00.0"])
        #expect(interrupts.map(\.node) == [0, 0, 1, 1])
    }

    @Test func aDeviceThatDoesNotKnowLeavesTheVectorsAsTheyAre() throws {
        #expect(try interrupts(deviceNode: "-1").map(\.node) == [0, 0, 0, 1])
    }
}

extension Tree {
    /// A PCI function with its link on the bus. `path` is below /sys/devices.
    func function(_ path: String, class code: String, ids: String, node: String) throws {
        let folder = "/sys/devices/\(path)"
        let parts = ids.split(separator: ":")
        try write("\(folder)/class", code)
        try write("\(folder)/vendor", "0x\(parts[0])")
        try write("\(folder)/device", "0x\(parts[1])")
        try write("\(folder)/numa_node", node)
        let address = path.split(separator: "/").last ?? ""
        try symlink("/sys/bus/pci/devices/\(address)", to: "../../../devices/\(path)")
    }

    fileprivate func symlink(_ path: String, to target: String) throws {
        let file = URL(filePath: host.root + path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: file.path, withDestinationPath: target)
    }
}
