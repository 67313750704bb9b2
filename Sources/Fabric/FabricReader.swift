package import Host

/// How much is read of each port. On mlx5 each file of `counters` is a command to the firmware.
package enum FabricPace: Sendable {
    /// What is worth knowing every second.
    case brief
    case everything
}

/// The ports of a host, with the files that each was found to have.
package struct FabricReader: Sendable {
    private static let folder = "/sys/class/infiniband"

    /// Of the folder `counters`, read at every pace.
    private static let brief: Set = [
        "port_xmit_data", "port_rcv_data", "port_xmit_wait", "link_downed",
    ]

    private let host: Host
    private var ports: [FabricPort] = []
    private var files: [String: PortFiles] = [:]

    package init(_ host: Host) { self.host = host }

    /// Running totals. With `brief` the rest is as it was when everything was read last.
    package mutating func read(_ pace: FabricPace) -> [FabricPort] {
        if pace == .everything || ports.isEmpty {
            findPorts()
            for index in ports.indices { readAll(&ports[index]) }
        } else {
            for index in ports.indices { readSome(&ports[index]) }
        }
        return ports
    }

    /// Devices come and go; what vanished is forgotten.
    private mutating func findPorts() {
        files = [:]
        ports = FabricPortFacts.read(from: host).map { facts in
            let port = FabricPort(facts)
            files[port.key] = PortFiles(of: facts, in: Self.folder, host)
            return port
        }
    }

    private func readAll(_ port: inout FabricPort) {
        guard let files = files[port.key] else { return }
        port.port.update(read(files.port, in: files.portFolder))
        port.hardware.update(read(files.hardware, in: files.hardwareFolder))
        guard let interface = port.facts.interface else { return }
        let carrier = "carrier_down_count"
        if let count = host.count("/sys/class/net/\(interface)/\(carrier)") {
            port.ethernet.update([carrier: count])
        }
        // A captured tree holds no answers of its drivers.
        guard !host.isCaptured, let all = EthtoolStatistics(of: interface) else { return }
        port.ethernet.update(all.aboutFabric)
    }

    private func readSome(_ port: inout FabricPort) {
        guard let files = files[port.key] else { return }
        let names = files.port.filter(Self.brief.contains)
        port.port.update(read(names, in: files.portFolder))
        let events = files.hardware.filter(FabricEvent.names.contains)
        port.hardware.update(read(events, in: files.hardwareFolder))
    }

    /// A file may hold `N/A (no PMA)`, or not be readable at all: it is left out.
    private func read(_ names: [String], in folder: String) -> [String: UInt64] {
        var values: [String: UInt64] = [:]
        for name in names { values[name] = host.count("\(folder)/\(name)") }
        return values
    }

    /// Names of the files of one port, found once.
    private struct PortFiles: Sendable {
        var portFolder: String
        var hardwareFolder: String
        var port: [String]
        var hardware: [String]

        init(of facts: FabricPortFacts, in folder: String, _ host: Host) {
            let base = "\(folder)/\(facts.device)/ports/\(facts.port)"
            portFolder = "\(base)/counters"
            hardwareFolder = "\(base)/hw_counters"
            port = host.names(in: portFolder)
            // How long the driver answers from its memory; not a counter.
            hardware = host.names(in: hardwareFolder).filter { $0 != "lifespan" }
        }
    }
}

extension Host {
    /// A file that holds one running total.
    func count(_ path: String) -> UInt64? { line(path).flatMap { UInt64($0) } }
}
