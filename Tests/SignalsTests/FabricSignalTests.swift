import Fabric
import Host
import Machines
import Testing

@testable import Signals

struct FabricSignalTests {
    private let seconds: UInt64 = 10

    private func source(_ tree: borrowing Tree) -> Source {
        Source(
            host: tree.host, facts: HostFacts.read(from: tree.host), watch: Watch(),
            probes: false)
    }

    @Test(arguments: [Machine.dgxH100, .dgxA100, .mi300x, .faultyFabric])
    func portsTellWhatTheyCounted(machine: Machine) throws {
        let tree = Tree()
        try machine.write(to: tree)
        let source = source(tree)
        let read = try FabricPorts.open(on: source)
        let earlier = try read()
        try machine.writeCounters(to: tree, after: seconds)
        source.isAtEnd = true
        let change = try read().since(earlier)
        #expect(change.gaps == Gaps() && change.ports.count == machine.adapters.count)
        for adapter in machine.adapters {
            let port = try #require(change.ports.first { $0.facts.address == adapter.address })
            for name in Machine.portCounters {
                let grown =
                    machine.count(name, of: adapter, after: seconds)
                    - machine.count(name, of: adapter, after: 0)
                #expect(port.port[name] == grown, "\(name)")
            }
            #expect(port.sentBytes == machine.wordsPerSecond(machine.port(of: adapter)) * 40)
            #expect(port.hardware.values.values.allSatisfy { $0 == 0 })
        }
    }

    /// Bridges and the like carry nothing of their own.
    @Test func interfacesWithHardwareTellWhatTheyCarried() throws {
        let tree = Tree()
        try Machine.dgxH100.write(to: tree)
        func write(_ name: String, received: UInt64, sent: String) throws {
            let folder = "/sys/class/net/\(name)/statistics"
            try tree.write("\(folder)/rx_bytes", "\(received)\n")
            try tree.write("\(folder)/tx_bytes", sent)
        }
        for name in ["eth7", "eth8", "eth9"] {
            try tree.write("/sys/class/net/\(name)/device/vendor", "0x15b3")
        }
        let most = UInt64.max
        try write("eth7", received: 1_000, sent: "50")
        try write("eth8", received: most, sent: "\(most - 7)")
        try write("eth9", received: 5, sent: "none")
        try write("docker0", received: 1_000, sent: "50")
        let source = source(tree)
        let read = try FabricPorts.open(on: source)
        let earlier = try read()
        try write("eth7", received: 1_700, sent: "70")
        try write("eth8", received: 3, sent: "\(most)")
        try write("docker0", received: 9_000, sent: "70")
        let change = try read().since(earlier).interfaces
        #expect(
            change.filter { ["eth7", "eth8", "eth9", "docker0"].contains($0.name) } == [
                NetworkInterface(name: "eth7", receivedBytes: 700, sentBytes: 20),
                NetworkInterface(name: "eth8", receivedBytes: 0, sentBytes: 7),
            ])
    }

    @Test func dearFilesAreReadAtBothEndsOnly() throws {
        let machine = Machine.faultyFabric
        let tree = Tree()
        try machine.write(to: tree)
        let source = source(tree)
        let ports = try FabricPorts.open(on: source)
        let links = try PCIe.open(on: source)
        let (first, firstLinks) = (try ports(), try links())
        try machine.writeCounters(to: tree, after: 1)
        let (middle, middleLinks) = (try ports().since(first), try links().since(firstLinks))
        #expect(middle.ports.allSatisfy { $0.port["port_xmit_data"] > 0 })
        #expect(middle.ports.allSatisfy { $0.port["symbol_error"] == 0 })
        #expect(middleLinks.functions.allSatisfy { $0.correctable?["BadTLP"] == 0 })
        source.isAtEnd = true
        let (last, lastLinks) = (try ports().since(first), try links().since(firstLinks))
        #expect(last.ports.map { $0.port["symbol_error"] }.max() == 3)
        #expect(lastLinks.functions.compactMap { $0.correctable?["BadTLP"] }.max() == 7)
    }

    @Test func aHostWithoutAdaptersSaysSo() throws {
        let tree = Tree()
        try Machine.workstation.write(to: tree)
        let source = source(tree)
        #expect(
            throws: Unavailable("no InfiniBand, RoCE or EFA device in /sys/class/infiniband")
        ) { try FabricPorts.open(on: source) }
        #expect(throws: Never.self) { try PCIe.open(on: source) }
        let empty = Source(host: Tree().host)
        #expect(
            throws: Unavailable("no PCI Express device tells of its link or its errors")
        ) { try PCIe.open(on: empty) }
    }

    @Test func withoutErrorReportsTheRestIsSeen() throws {
        let tree = Tree()
        try Machine.mi300x.write(to: tree)
        let reading = try PCIe.open(on: source(tree))()
        #expect(reading.functions.allSatisfy { $0.link != nil && $0.correctable == nil })
        #expect(
            reading.gaps.reasons
                == ["no device reports errors (AER): the firmware keeps them, or has none"])
    }

    private func ports(_ counters: [String: UInt64]) -> FabricPorts {
        var port = FabricPort(FabricPortFacts(device: "mlx5_0", port: 1))
        port.port = FabricCounters(counters)
        return FabricPorts(ports: [port])
    }

    @Test func whatCannotBeSeenIsSaid() {
        let full: [String: UInt64] = ["symbol_error": 65_535, "port_xmit_data": 9]
        let deaf = ports(full).since(ports(full))
        #expect(
            deaf.gaps.reasons == [
                "mlx5_0: symbol_error can count no further (perfquery -x sets them back)"
            ])
        let back = ports(["port_xmit_data": 1]).since(ports(["port_xmit_data": 9]))
        #expect(back.gaps.reasons == ["the counters of mlx5_0 were set back meanwhile"])
        // A port that came meanwhile has counted nothing in this look.
        let new = ports(["port_xmit_data": 5]).since(FabricPorts())
        #expect(new.ports.first?.port["port_xmit_data"] == 0)
    }
}
