import Fabric
import Host
import Signals
import Training

/// What the ports of the fabric counted in the window; null where there are none.
func fabric(_ observation: Observation) -> JSON {
    guard let fabric = try? observation.whole(FabricPorts.self) else { return .null }
    let ports = fabric.ports.map { port in
        let full = [port.port, port.hardware, port.ethernet].flatMap(\.stuck).sorted()
        return JSON.object(
            portKeys(port) + [("full", JSON(full)), ("wasReset", .bool(port.wasReset))])
    }
    return .object([("ports", .array(ports))])
}

/// PCI Express links and errors in the window; null where no device tells.
func pcie(_ observation: Observation) -> JSON {
    guard let pcie = try? observation.whole(PCIe.self) else { return .null }
    let functions = pcie.functions.map { function in
        JSON.object([
            ("address", .string(function.address)),
            ("upper", JSON(function.upper)),
            ("link", function.link.map(pcieLink) ?? .null),
            ("correctable", function.correctable.map(errors) ?? .null),
            ("nonfatal", function.nonfatal.map(errors) ?? .null),
            ("fatal", function.fatal.map(errors) ?? .null),
        ])
    }
    return .object([("functions", .array(functions))])
}

/// A port as reports and maps show it; the counters of a map are running totals.
func portKeys(_ port: FabricPort) -> [(String, JSON)] {
    let facts = port.facts
    return [
        ("device", .string(facts.device)),
        ("port", JSON(facts.port)),
        ("address", JSON(facts.address)),
        ("interface", JSON(facts.interface)),
        ("driver", JSON(facts.driver)),
        ("linkLayer", .string(facts.layer.rawValue)),
        ("state", JSON(facts.state)),
        ("physicalState", JSON(facts.physicalState)),
        ("gigabitsPerSecond", JSON(facts.gigabits)),
        ("lanes", number(facts.lanes)),
        ("node", number(facts.node)),
        ("mtu", number(facts.mtu)),
        ("counters", counts(port.port.values)),
        ("hardwareCounters", counts(port.hardware.values)),
        ("ethernetCounters", counts(port.ethernet.values)),
    ]
}

func pcieLink(_ link: LinkFacts) -> JSON {
    .object([
        ("gigatransfersPerSecond", .number(link.gigatransfers)),
        ("lanes", JSON(link.lanes)),
        ("maximumGigatransfersPerSecond", JSON(link.mostGigatransfers)),
        ("maximumLanes", number(link.mostLanes)),
    ])
}

/// A function has dozens of kinds of error, and most have none.
private func errors(_ values: [String: UInt64]) -> JSON { counts(values.filter { $0.value > 0 }) }

private func counts(_ values: [String: UInt64]) -> JSON {
    .object(values.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) })
}
