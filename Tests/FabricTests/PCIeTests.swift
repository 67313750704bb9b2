import Fabric
import Host
import Machines
import Testing

@Suite struct PCIeTests {
    private func device(
        _ bridges: [String], root: String? = nil, node: Int? = nil
    ) -> DeviceFacts {
        var device = DeviceFacts(kind: .gpu, address: "0000:1b:00.0")
        (device.bridges, device.hostBridge, device.node) = (bridges, root, node)
        return device
    }

    @Test func distancesAreThoseOfNVIDIAsTool() {
        let here = device(["a", "b", "c"], root: "pci0000:00", node: 0)
        let cases: [(DeviceFacts, PCIeDistance?)] = [
            (device(["a", "b", "d"], root: "pci0000:00", node: 0), .switched),
            (device(["a", "b", "c"], root: "pci0000:00", node: 0), .switched),
            (device(["a", "b", "d", "e", "f"], root: "pci0000:00", node: 0), .switches),
            (device(["a", "x", "y"], root: "pci0000:00", node: 0), .switches),
            (device(["k"], root: "pci0000:00", node: 1), .hostBridge),
            (device(["k"], root: "pci0000:80", node: 0), .node),
            (device(["k"], root: "pci0000:80", node: 1), .system),
            (device(["k"], root: "pci0000:80"), nil),
            (device([]), nil),
        ]
        for (other, distance) in cases {
            #expect(PCIeDistance(from: here, to: other) == distance)
            #expect(PCIeDistance(from: other, to: here) == distance)
        }
        #expect(PCIeDistance.switched < .switches && .node < PCIeDistance.system)
    }

    @Test func theAdapterOfTheSameSwitchIsNearest() throws {
        let tree = Tree()
        try Machine.dgxH100.write(to: tree)
        let devices = PCIBus.read(from: tree.host).devices
        let adapters = devices.filter { $0.kind == .fabric }
        for gpu in devices where gpu.kind == .gpu {
            let (nearest, distance) = try #require(gpu.nearest(of: adapters))
            #expect(distance == .switched && nearest.count == 1)
            #expect(nearest[0].bridges[1] == gpu.bridges[1])
        }
        #expect(devices.first?.nearest(of: []) == nil)
    }

    @Test func linksHaveTwoEnds() throws {
        let machine = Machine.dgxH100
        let tree = Tree()
        try machine.write(to: tree)
        let devices = PCIBus.read(from: tree.host).devices
        let functions = PCIeReader(devices, on: tree.host).read()
        let gpu = try #require(devices.first { $0.kind == .gpu })
        func upper(_ address: String) -> String? {
            functions.first { $0.address == address }?.upper
        }
        #expect(upper(gpu.address) == gpu.bridges[2])
        #expect(upper(gpu.bridges[2]) == nil)
        #expect(upper(gpu.bridges[1]) == gpu.bridges[0])
        #expect(upper(gpu.bridges[0]) == nil)
        #expect(Set(functions.map(\.address)).count == functions.count)
        #expect(functions.allSatisfy { $0.link?.lanes == 16 && $0.correctable?["BadTLP"] == 3 })
        #expect(functions.allSatisfy { $0.correctable?["TOTAL_ERR_COR"] == nil })
    }

    @Test func theCountIsTheLastWordOfALine() throws {
        let tree = Tree()
        let path = "/sys/bus/pci/devices/0000:1b:00.0"
        try tree.write(
            "\(path)/aer_dev_correctable",
            "Receiver Error 7\nRxErr 3\nBad\n\n-1 -1\nx 99999999999999999999\nTOTAL_ERR_COR 10")
        try tree.write("\(path)/aer_dev_fatal", "")
        var device = DeviceFacts(kind: .gpu, address: "0000:1b:00.0")
        device.bridges = ["0000:aa:00.0"]
        let functions = PCIeReader([device], on: tree.host).read()
        let gpu = try #require(functions.first { $0.address == device.address })
        #expect(gpu.correctable == ["Receiver Error": 7, "RxErr": 3])
        #expect(gpu.nonfatal == nil && gpu.fatal == [:] && gpu.link == nil)
    }

    @Test func errorsGrowAndNeverShrink() {
        var before = PCIeFunction(address: "a")
        var now = before
        (before.correctable, now.correctable) = (
            ["RxErr": 5, "BadTLP": 9], ["RxErr": 18, "BadTLP": 1, "New": 4]
        )
        (before.fatal, now.fatal) = (nil, ["DLP": 3])
        let change = now.since(before)
        #expect(change.correctable == ["RxErr": 13, "BadTLP": 0, "New": 0])
        #expect(change.fatal == nil)
    }
}
