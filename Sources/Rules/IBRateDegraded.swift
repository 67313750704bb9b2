import Fabric
import Host
import Signals
import Training

private let fullWidth = 4  // lanes of a port that no cable splits; InfiniBand's 4X

extension Rule {
    package static let ibRateDegraded = Rule(
        id: "ib-rate-degraded", cause: .fabricError, ceiling: .warning,
        title: "A port of the fabric is down, or slower than others of its kind",
        explanation: Explanation(
            what: """
                Each port of an InfiniBand or RoCE adapter agrees with the switch on a number of \
                lanes and a speed. A bad cable or transceiver makes them agree on less, or on \
                nothing.
                """,
            why: """
                Collectives over several adapters are as fast as the slowest of them: one port at \
                half its rate can halve the bandwidth of the whole job.
                """,
            seen: """
                State and rate of every port. A port is compared with those of the same model \
                and kind on this host that also share a PCIe switch with a GPU, or also do not: \
                storage ports may differ by design.
                """,
            fix: "Nothing that can be typed: cable, transceiver, adapter or switch port.",
            avoid: """
                A cable that splits one switch port into two gives both half the lanes on \
                purpose: where all ports of a kind do that, it is no fault.
                """,
            verify: "/sys/class/infiniband/DEVICE/ports/1/rate reads as on the other ports.",
            sources: [
                "Documentation/ABI/stable/sysfs-class-infiniband (rate, state)",
                "https://github.com/Azure/azurehpc-health-checks (check_hw_ib)",
            ])
    ) { observation throws(Unavailable) in
        let ports = try observation.fabricPorts()
        let groups = Dictionary(grouping: ports) { PortKind($0, observation) }
        return ports.compactMap { port in
            let kind = PortKind(port, observation)
            let others = (groups[kind] ?? []).filter { $0.key != port.key }
            return port.facts.isActive
                ? observation.slow(port, among: others)
                : observation.down(port, among: others, besideGPU: kind.isBesideGPU)
        }
    }
}

/// What makes ports comparable.
private struct PortKind: Hashable {
    var vendor: Int?
    var device: Int?
    var layer: FabricPortFacts.Layer
    var isBesideGPU: Bool

    init(_ port: FabricPort, _ observation: Observation) {
        let adapter = observation.device(at: port.facts.address)
        vendor = adapter?.vendor
        device = adapter?.device
        layer = port.facts.layer
        isBesideGPU = observation.facts.devices.contains { gpu in
            gpu.kind == .gpu
                && adapter.flatMap { PCIeDistance(from: gpu, to: $0) }.map { $0 <= .switches }
                    ?? false
        }
    }
}

extension Observation {
    fileprivate func slow(_ port: FabricPort, among others: [FabricPort]) -> Finding? {
        guard let rate = port.facts.gigabits else { return nil }
        let rates = others.filter(\.facts.isActive).compactMap(\.facts.gigabits)
        if let usual = mostFrequent(rates + [rate]), rate < usual {
            let like = rates.count { $0 == usual }
            return finding(
                port, .warning,
                """
                \(port.facts.name) runs at \(lanes(port))\(briefFigure(rate)) Gb/s, and \
                \(like == 1 ? "another port" : "\(like) other ports") of its kind at \
                \(briefFigure(usual)): cable or switch, not this host's software
                """, rate: rate, usual: usual)
        }
        guard rates.isEmpty, port.facts.layer == .infiniBand, let width = port.facts.lanes,
            width < fullWidth
        else { return nil }
        return finding(
            port, .info,
            """
            \(port.facts.name) uses \(width) of \(fullWidth) lanes: a cable that splits the \
            switch port, or a bad one; not this host's software
            """, rate: rate, usual: nil)
    }

    /// A port nobody uses is down as well: only most of its kind being up makes it suspicious.
    fileprivate func down(
        _ port: FabricPort, among others: [FabricPort], besideGPU: Bool
    ) -> Finding? {
        let up = others.count(where: \.facts.isActive)
        guard let state = port.facts.state, up * 2 > others.count + 1 else { return nil }
        let physical = port.facts.physicalState.map { ", \($0)" } ?? ""
        return finding(
            port, besideGPU ? .warning : .info,
            """
            \(port.facts.name) is \(state)\(physical), and \(up) of \(others.count) others of its \
            kind are up: cable or switch, not this host's software
            """, rate: 0, usual: mostFrequent(others.compactMap(\.facts.gigabits)))
    }

    private func finding(
        _ port: FabricPort, _ severity: Severity, _ summary: String, rate: Double, usual: Double?
    ) -> Finding {
        .outside(
            "ib-rate-degraded", .fabricError, severity,
            severity == .info ? .configuration : .measured, summary, port.culprit,
            [
                Evidence(
                    name: "rate of \(port.facts.name)", value: rate, unit: "Gb/s",
                    threshold: usual, source: "ports of the same kind on this host")
            ],
            .byHand(
                "reseat or replace the cable or the transceiver, or try another switch port",
                looking: [
                    "ibstat \(port.words)",
                    "mlxlink -d \(shellWord(port.facts.address ?? port.facts.device)) -m -c",
                ]),
            verify: "`ibstat \(port.words)` shows Active and "
                + (usual.map { "\(briefFigure($0)) Gb/s" } ?? "the full rate"))
    }

    private func lanes(_ port: FabricPort) -> String {
        port.facts.lanes.map { "\($0) \($0 == 1 ? "lane" : "lanes"), " } ?? ""
    }

    /// The higher one where two are as frequent.
    private func mostFrequent(_ rates: [Double]) -> Double? {
        Dictionary(grouping: rates) { $0 }
            .max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }?.key
    }
}
