import Fabric
import Host

extension Page {
    /// Devices of one node, one or two lines each: what and where, and its interrupts.
    mutating func writeDevices(_ devices: [DeviceFacts], _ map: HostMap) {
        // Wider names are cut: a link and its speed have to fit beside them.
        let names = min(devices.map { Outputs.width(of: nameText($0)) }.max() ?? 0, 26)
        let addresses = devices.map(\.address.utf8.count).max() ?? 0
        for kind in DeviceFacts.Kind.allCases {
            let same = devices.filter { $0.kind == kind }
            for (index, device) in same.prefix(mostRows).enumerated() {
                let label = index == 0 ? kind.rawValue : ""
                let rows = map.facts.interrupts.filter { $0.device == device.address }
                let start = [
                    Cell(text: label, width: labels - 1, tint: .dim),
                    Cell(text: device.address, width: addresses),
                    Cell(text: nameText(device), width: names + 1),
                ]
                write(device, after: start, interruptText(device, rows, map))
                for text in fabricTexts(device, map) { entry("", text) }
            }
            writeRest(same.count - mostRows, kind == .gpu ? "GPU" : "\(kind.rawValue) device")
        }
        for text in switchTexts(devices) { entry("PCIe switch", text) }
    }

    /// Devices whose firmware names no node.
    mutating func writeDevicesElsewhere(_ map: HostMap) {
        let devices = map.devicesElsewhere
        guard !devices.isEmpty else { return }
        heading("Node unknown")
        let why =
            map.facts.topology.nodes.count == 1
            ? "The firmware names no node for these devices; there is only one."
            : "The firmware does not say on which node these devices are."
        paragraph(why, indent: 2)
        writeDevices(devices, map)
    }

    /// Ports of devices made of software, such as soft RoCE.
    mutating func writePortsElsewhere(_ map: HostMap) {
        let known = Set(map.facts.devices.map(\.address))
        let ports = map.ports.filter { port in
            port.facts.address.map { !known.contains($0) } ?? true
        }
        guard !ports.isEmpty else { return }
        heading("RDMA without a PCI device")
        for port in ports.prefix(mostRows) {
            let interface = port.facts.interface.map { ", on \(shown($0))" } ?? ""
            entry(shown(port.facts.device), portText(port.facts, isAlone: false) + interface)
        }
        writeRest(ports.count - mostRows, "port")
    }

    private mutating func write(
        _ device: DeviceFacts, after start: [Cell], _ interrupts: String
    ) {
        let cells = start + (device.link.map { [Cell(text: linkText($0))] } ?? [])
        let used = cells.reduce(2) { $0 + max($1.width, Outputs.width(of: $1.text)) + 1 }
        let fits = used + Outputs.width(of: interrupts) <= width
        row(fits ? cells + [Cell(text: interrupts)] : cells, indent: 2)
        if !fits { entry("", interrupts) }
    }
}

/// What the kernel calls it; without a name, what it is and who drives it.
private func nameText(_ device: DeviceFacts) -> String {
    guard device.names.isEmpty else { return device.names.map(shown).joined(separator: " ") }
    let ids = [device.vendor, device.device].compactMap(hardwareID).joined(separator: ":")
    return [ids, device.driver.map { "(\(shown($0)))" } ?? "(no driver)"]
        .filter { !$0.isEmpty }.joined(separator: " ")
}

/// `x16 32 GT/s`, and what it could be where that is more: `x8 of x16 2.5 of 32 GT/s`.
private func linkText(_ link: LinkFacts) -> String {
    var lanes = "x\(link.lanes)"
    if let most = link.mostLanes, most > link.lanes { lanes += " of x\(most)" }
    var speed = quantity(link.gigatransfers)
    if let most = link.mostGigatransfers, most > link.gigatransfers {
        speed += " of \(quantity(most))"
    }
    return "\(lanes) \(speed) GT/s"
}

/// The ports of an adapter, and the adapter that is nearest to a GPU.
private func fabricTexts(_ device: DeviceFacts, _ map: HostMap) -> [String] {
    let ports = map.ports.filter { $0.facts.address == device.address }
    return ports.map { portText($0.facts, isAlone: ports.count == 1) }
        + (device.kind == .gpu ? [nearestText(device, map)].compactMap { $0 } : [])
}

/// `port ACTIVE, 400 Gb/s, 4 lanes`
private func portText(_ port: FabricPortFacts, isAlone: Bool) -> String {
    let state = [port.state, port.isActive ? nil : port.physicalState].compactMap { $0 }
    let parts =
        [
            state.isEmpty ? "state unknown" : state.map(shown).joined(separator: ", "),
            port.gigabits.map { "\(quantity($0)) Gb/s" },
            port.lanes.map { counted($0, "lane") },
            port.layer == .ethernet ? "Ethernet" : nil,
        ]
    return "port \(isAlone ? "" : "\(port.port) ")"
        + parts.compactMap { $0 }.joined(separator: ", ")
}

/// `nearest adapter mlx5_0 (PIX)`, in the words of nvidia-smi.
private func nearestText(_ gpu: DeviceFacts, _ map: HostMap) -> String? {
    guard let (adapters, distance) = gpu.nearest(of: map.adapters) else { return nil }
    let names = adapters.prefix(4).map { shown($0.names.first ?? $0.address) }
    let rest = adapters.count - names.count
    return "nearest \(adapters.count == 1 ? "adapter" : "adapters") "
        + names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
        + " (\(distance.rawValue))"
}

/// How many vectors, where they fire and where they may: `9 IRQs fire on 0-7 (may on node 0)`.
private func interruptText(
    _ device: DeviceFacts, _ rows: [InterruptFacts], _ map: HostMap
) -> String {
    guard !device.interrupts.isEmpty else { return "" }
    var text = counted(device.interrupts.count, "IRQ")
    let firing = union(rows.compactMap(\.effective))
    let allowed = union(rows.compactMap(\.affinity))
    if !firing.isEmpty {
        text += " \(device.interrupts.count == 1 ? "fires" : "fire") on \(firing.short)"
    }
    if !allowed.isEmpty && allowed != firing { text += " (may on \(map.words(for: allowed)))" }
    let managed = rows.filter { $0.isManaged == true }.count
    if managed > 0 { text += ", \(managed) managed" }
    let nodes = map.nodeByCPU
    let remote = rows.filter { isRemote($0, device, nodes) }.count
    if remote > 0 { text += ", \(remote) on another node" }
    return text
}

/// Fires on CPUs of other nodes only.
private func isRemote(_ row: InterruptFacts, _ device: DeviceFacts, _ nodes: [Int: Int]) -> Bool {
    guard let home = device.node, let firing = row.effective, !firing.isEmpty else { return false }
    return firing.cpus.allSatisfy { cpu in nodes[cpu].map { $0 != home } ?? false }
}

private func union(_ lists: [CPUList]) -> CPUList { CPUList(lists.flatMap(\.cpus)) }

/// Which GPUs and other devices share a switch: a bridge below the root port.
private func switchTexts(_ devices: [DeviceFacts]) -> [String] {
    let below = devices.filter { $0.bridges.count > 1 }
    let groups = Dictionary(grouping: below) { $0.bridges[1] }
    return groups.sorted { $0.key < $1.key }.compactMap { port, members in
        let kinds = Set(members.map(\.kind))
        guard members.count > 1, !kinds.isDisjoint(with: [.gpu, .fabric]) else { return nil }
        let names = members.map { shown($0.names.first ?? $0.address) }
        return "\(port): " + names.joined(separator: ", ")
    }
}
