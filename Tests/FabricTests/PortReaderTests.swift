import Fabric
import Host
import Machines
import Testing

@Suite struct PortReaderTests {
    private static let folder = "/sys/class/infiniband/mlx5_0/ports/1"

    /// A device of class folders alone, without a PCI function.
    private func tree(_ files: [String: String]) throws -> Tree {
        let tree = Tree()
        for (name, text) in files { try tree.write("\(Self.folder)/\(name)", text) }
        return tree
    }

    @Test func aDescribedMachineIsReadInFull() throws {
        let machine = Machine.dgxH100
        let tree = Tree()
        try machine.write(to: tree)
        let ports = FabricPortFacts.read(from: tree.host)
        #expect(ports.count == 8)
        for adapter in machine.adapters {
            let port = try #require(ports.first { $0.device == adapter.names[1] })
            #expect(port.address == adapter.address && port.port == 1)
            #expect(port.interface == adapter.names[0] && port.mtu == 4092)
            #expect(port.driver == "mlx5_core" && port.node == adapter.node)
            #expect(port.layer == .infiniBand && port.isActive)
            #expect(port.physicalState == "LinkUp")
            #expect(port.gigabits == 400 && port.lanes == 4)
            #expect(!port.isSoftware)
        }
    }

    @Test func everyCounterIsReadAndTheLifespanIsNone() throws {
        let machine = Machine.withGaps
        let tree = Tree()
        try machine.write(to: tree)
        var reader = FabricReader(tree.host)
        for port in reader.read(.everything) {
            let adapter = try #require(machine.adapters.first { $0.names[1] == port.facts.device })
            #expect(port.port.values.keys.sorted() == Machine.portCounters.sorted())
            #expect(port.hardware.values.keys.sorted() == Machine.hardwareCounters.sorted())
            for (name, value) in port.port.values.merging(
                port.hardware.values, uniquingKeysWith: max)
            {
                #expect(value == machine.count(name, of: adapter, after: 0), "\(name)")
            }
        }
    }

    @Test func aBriefReadingLeavesTheDearFilesAlone() throws {
        let tree = try tree([
            "counters/port_xmit_data": "7", "counters/symbol_error": "3",
            "hw_counters/out_of_buffer": "5", "hw_counters/rx_read_requests": "9",
        ])
        var reader = FabricReader(tree.host)
        _ = reader.read(.everything)
        for name in [
            "counters/port_xmit_data", "counters/symbol_error",
            "hw_counters/out_of_buffer", "hw_counters/rx_read_requests",
        ] { try tree.write("\(Self.folder)/\(name)", "100") }
        let port = try #require(reader.read(.brief).first)
        #expect(port.port.values == ["port_xmit_data": 100, "symbol_error": 3])
        #expect(port.hardware.values == ["out_of_buffer": 100, "rx_read_requests": 9])
        let all = try #require(reader.read(.everything).first)
        #expect(all.port["symbol_error"] == 100 && all.hardware["rx_read_requests"] == 100)
    }

    @Test(
        arguments: [
            ("2.5 Gb/sec (1X SDR)", 2.5, 1), ("200 Gb/sec (2X NDR)", 200, 2),
            ("100 Gb/sec", 100, nil), ("800 Gb/sec (8X NDR)", 800, 8),
            ("25 Gb/sec (400X Z)", 25, nil),
        ] as [(String, Double, Int?)])
    func ratesAreRead(text: String, gigabits: Double, lanes: Int?) throws {
        let tree = try tree(["rate": text])
        let port = FabricPortFacts.read(from: tree.host).first
        #expect(port?.gigabits == gigabits)
        #expect(port?.lanes == lanes)
    }

    @Test(arguments: ["", "x", "nan Gb/sec", "-5 Gb/sec (4X)", "1e300 Gb/sec (4X NDR)", "400"])
    func whatIsNoRateIsNone(text: String) throws {
        let tree = try tree(["rate": text])
        let port = try #require(FabricPortFacts.read(from: tree.host).first)
        #expect(port.gigabits == nil && port.lanes == nil)
    }

    @Test func whatIsMissingStaysUnknown() throws {
        let tree = try tree([
            "state": "DOWN", "phys_state": ":", "link_layer": "Fibre", "rate": "",
            "counters/symbol_error": "N/A (no PMA)", "counters/port_xmit_data": "-3",
            "hw_counters/out_of_buffer": "99999999999999999999",
        ])
        // Ports are numbered from 1.
        try tree.write("/sys/class/infiniband/mlx5_0/ports/0/state", "4: ACTIVE")
        try tree.write("/sys/class/infiniband/mlx5_0/ports/x/state", "4: ACTIVE")
        let found = FabricPortFacts.read(from: tree.host)
        var expected = FabricPortFacts(device: "mlx5_0", port: 1)
        expected.layer = .other
        #expect(found == [expected])
        #expect(found.first?.isSoftware == true)
        var reader = FabricReader(tree.host)
        #expect(reader.read(.everything).first?.port.values.isEmpty == true)
        #expect(reader.read(.brief).first?.hardware.values.isEmpty == true)
        let empty = Tree()
        var none = FabricReader(empty.host)
        #expect(none.read(.everything).isEmpty && none.read(.brief).isEmpty)
    }

    @Test func theKernelNamesTheInterfaceOfARoCEPort() throws {
        let tree = try tree(["link_layer": "Ethernet", "gid_attrs/ndevs/0": "eth7"])
        try tree.write("/sys/class/net/eth7/mtu", "1500")
        try tree.write("/sys/class/infiniband/mlx5_0/tc/1/traffic_class", "106")
        let port = try #require(FabricPortFacts.read(from: tree.host).first)
        #expect(port.interface == "eth7" && port.mtu == 1500 && port.trafficClass == 106)
        try tree.write("\(Self.folder)/gid_attrs/ndevs/0", "../../../etc")
        #expect(FabricPortFacts.read(from: tree.host).first?.interface == nil)
    }

    @Test func aDeviceThatVanishesIsForgotten() throws {
        let machine = Machine.withGaps
        let tree = Tree()
        try machine.write(to: tree)
        var reader = FabricReader(tree.host)
        #expect(reader.read(.everything).count == 2)
        try tree.remove("/sys/class/infiniband/mlx5_1")
        #expect(reader.read(.everything).map(\.facts.device) == ["mlx5_0"])
    }
}
