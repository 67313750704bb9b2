import Fabric
import Host
import Signals

/// Ports and links that no host would have.
extension HostileHost {
    mutating func ports() -> FabricPorts {
        var ports = (1...3).map { port($0) }
        // RDMA that stands still beside sockets that do not.
        if chance() {
            let idle = FabricCounters(["port_xmit_data": 0, "port_rcv_data": 0])
            for index in ports.indices { ports[index].port = idle }
        }
        return FabricPorts(
            ports: ports,
            interfaces: [
                NetworkInterface(name: Self.name, receivedBytes: number(), sentBytes: number())
            ])
    }

    private mutating func port(_ index: Int) -> FabricPort {
        var facts = FabricPortFacts(device: "mlx5_\(index)", port: index)
        facts.address = chance() ? "0000:1b:00.0" : "0000:\(index)b:00.0"
        facts.layer = chance() ? .ethernet : .infiniBand
        facts.interface = "eth\(index)"
        facts.state = chance() ? "ACTIVE" : Self.name
        facts.physicalState = Self.name
        facts.gigabits = chance() ? 200 : 400
        facts.lanes = chance() ? 2 : 4
        facts.mtu = chance() ? 1500 : 9000
        facts.trafficClass = chance() ? 0 : nil
        var port = FabricPort(facts)
        let counters = [
            "port_xmit_data", "port_rcv_data", "port_xmit_wait", "symbol_error", "link_downed",
            "link_error_recovery", "port_rcv_errors", "port_rcv_remote_physical_errors",
        ]
        port.port = FabricCounters(
            Dictionary(uniqueKeysWithValues: counters.map { ($0, number()) }))
        let events = [
            "out_of_buffer", "rnr_nak_retry_err", "local_ack_timeout_err", "packet_seq_err",
            "np_cnp_sent",
        ]
        port.hardware = FabricCounters(
            Dictionary(uniqueKeysWithValues: events.map { ($0, number()) }))
        port.ethernet = FabricCounters(["rx_prio3_pause_duration": number()])
        if chance() { port.port.stuck = ["port_xmit_wait", "symbol_error"] }
        return port
    }

    mutating func pcieSettings() -> PCIeSettings {
        var settings = PCIeSettings()
        for address in ["0000:1a:00.0", "0000:1b:00.0", Self.name] {
            var function = PCIeFunctionSettings()
            function.deviceControl = chance() ? Int(truncatingIfNeeded: number()) : nil
            function.accessControl = chance() ? Int(truncatingIfNeeded: number()) : nil
            function.translation = chance() ? "DMA" : Self.name
            settings.functions[address] = function
        }
        settings.aspmPolicy = chance() ? "powersave" : "power" + Self.name
        (settings.hasPeerMemory, settings.isNVIDIAOpen) = (chance(), chance())
        settings.hasGDRCopyDevice = chance()
        settings.switches = chance() ? .max : 0
        return settings
    }

    mutating func links() -> PCIe {
        let addresses = ["0000:1a:00.0", "0000:1b:00.0", "0000:1c:00.0"]
        return PCIe(functions: addresses.map { function($0, below: addresses) })
    }

    /// The upper end may be the lower one, or be missing.
    private mutating func function(_ address: String, below others: [String]) -> PCIeFunction {
        var function = PCIeFunction(address: address)
        function.upper = chance() ? others[0] : "0000:ff:1f.7"
        var link = LinkFacts(gigatransfers: chance() ? 2.5 : 32, lanes: chance() ? 1 : 16)
        (link.mostGigatransfers, link.mostLanes) = (32, chance() ? 16 : nil)
        function.link = link
        function.correctable = [Self.name: number(), "RxErr": number()]
        function.nonfatal = chance() ? ["DLP": number()] : nil
        function.fatal = [Self.name: number()]
        return function
    }
}
