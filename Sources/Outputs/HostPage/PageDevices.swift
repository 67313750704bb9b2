import Fabric
import Host
import Rules
import Signals
import Training

extension HTML {
    /// GPUs and ports of the fabric, where there are any.
    mutating func devices(_ report: PageReport) {
        gpus(report)
        ports(report)
    }

    private mutating func gpus(_ report: PageReport) {
        let readings = (try? report.observation.whole(GPUs.self))?.gpus ?? []
        let losses = Dictionary(report.diagnosis.gpus.map { ($0.pci, $0) }) { first, _ in first }
        let known = Set(readings.map(\.pci))
        let silent = report.diagnosis.gpus.map(\.pci).filter { !known.contains($0) }
        guard !readings.isEmpty || !silent.isEmpty else { return }
        element(.section) { section in
            section.element(.h2, text: "GPUs")
            let all = readings + silent.map { GPUReading(pci: $0) }
            var left = 0
            let numbers = ["clock", "power", "heat", "memory"]
            section.deviceTable(["GPU"], ["busy"], [""], numbers, ["why idle, and findings"]) {
                body in
                for (count, gpu) in all.enumerated() {
                    guard body.size < PageRoom.gpus else { return left = all.count - count }
                    let facts = report.observation.facts.gpus.first { $0.pci == gpu.pci }
                    let remarks =
                        gpuRemarks(gpu, losses[gpu.pci])
                        + findingIDs(of: [gpu.pci], report.diagnosis)
                    body.gpu(gpu, facts, losses[gpu.pci], remarks)
                }
            }
            section.more(left, "GPU", in: .p)
        }
    }

    private mutating func gpu(
        _ gpu: GPUReading, _ facts: GPUFacts?, _ loss: GPULoss?, _ remarks: [String]
    ) {
        let busy = busyShare(gpu) ?? loss.map { 1 - $0.idleShare }
        let memory = gpu.memoryUsedBytes.map { used in
            bytes(used) + (facts?.memoryBytes.map { " of " + bytes($0) } ?? "")
        }
        let cells = [
            gpu.smMegahertz.map { "\(grouped($0)) MHz" },
            gpu.milliwatts.map { "\(grouped($0 / 1_000)) W" },
            gpu.celsius.map { "\($0) °C" }, memory,
        ]
        element(.tr) { row in
            row.element(.td, classes: "name") { cell in
                cell.element(.div, text: shown(gpu.pci))
                if let name = facts?.name ?? loss?.name {
                    cell.element(.div, "quiet", text: shown(name))
                }
            }
            row.element(.td, "number", text: busy.map { percent($0) } ?? "?")
            row.element(.td, classes: "bars") { cell in
                if let busy { cell.busyBar(busy) }
            }
            for cell in cells { row.element(.td, "number", text: cell ?? "?") }
            row.element(.td, "why", text: remarks.joined(separator: "; "), limit: 300)
        }
    }

    private mutating func busyBar(_ share: Double) {
        let whole: UInt64 = 1_000
        let part = UInt64(min(max(share.isFinite ? share : 0, 0), 1) * 1_000)
        bar([PagePart(name: "busy", colour: "gpu", amount: part)], of: whole)
    }

    private mutating func ports(_ report: PageReport) {
        let window = report.observation.whole
        guard let all = try? window(FabricPorts.self).ports, !all.isEmpty else { return }
        // mlx5_9 before mlx5_10
        let ports = all.sorted { left, right in
            let names = (left.facts.name, right.facts.name)
            return (names.0.utf8.count, names.0) < (names.1.utf8.count, names.1)
        }
        element(.section) { section in
            section.element(.h2, text: "Ports of the fabric")
            var left = 0
            let numbers = ["rate", "sent", "received"]
            section.deviceTable(["port", "link"], numbers, [], [], ["remarks and findings"]) {
                body in
                for (count, port) in ports.enumerated() {
                    guard body.size < PageRoom.ports else { return left = ports.count - count }
                    let names = [port.facts.address, port.facts.device].compactMap { $0 }
                    let found = findingIDs(of: names, report.diagnosis)
                    body.port(port, window, portRemarks(port) + found)
                }
            }
            section.more(left, "port", in: .p)
        }
    }

    private mutating func port(_ port: FabricPort, _ window: Window, _ remarks: [String]) {
        let facts = port.facts
        func rate(_ bytes: UInt64?) -> String {
            bytes.map { quantity(window.perSecond($0) * 8 / 1e9) + " Gbit/s" } ?? "?"
        }
        let state = [facts.layer.rawValue, facts.state.map(shown)].compactMap { $0 }
        element(.tr) { row in
            row.element(.td, classes: "name") { cell in
                cell.element(.div, text: shown(facts.name))
                let place = [facts.interface, facts.address].compactMap { $0.map(shown) }
                if !place.isEmpty {
                    cell.element(.div, "quiet", text: place.joined(separator: " "))
                }
            }
            row.element(.td, "text", text: state.joined(separator: ", "))
            row.element(
                .td, "number", text: facts.gigabits.map { "\(quantity($0)) Gbit/s" } ?? "?")
            row.element(.td, "number", text: rate(port.sentBytes))
            row.element(.td, "number", text: rate(port.receivedBytes))
            row.element(.td, "why", text: remarks.joined(separator: "; "), limit: 300)
        }
    }

    /// Heads of texts and of numbers by turns.
    private mutating func deviceTable(
        _ heads: [String]..., rows: (inout HTML) -> Void
    ) {
        // A focus can scroll it where it is wider than the window.
        element(.div, [(.classes, "wide"), (.tabindex, "0")]) { frame in
            frame.element(.table, classes: "devices") { table in
                table.element(.thead) { head in
                    head.element(.tr) { row in
                        for (turn, names) in heads.enumerated() {
                            for name in names {
                                let classes = turn % 2 == 1 ? "number" : "text"
                                row.element(.th, [(.scope, "col"), (.classes, classes)]) {
                                    $0.add(name)
                                }
                            }
                        }
                    }
                }
                table.element(.tbody) { rows(&$0) }
            }
        }
    }
}

private func gpuRemarks(_ gpu: GPUReading, _ loss: GPULoss?) -> [String] {
    var remarks: [String] = []
    if let trouble = gpu.trouble { remarks.append(shown(trouble)) }
    if !gpu.xids.isEmpty {
        let codes = Set(gpu.xids.map(\.code)).sorted().prefix(6).map { "\($0)" }
        remarks.append("XID " + codes.joined(separator: ", "))
    }
    if let loss { remarks += idleReasons(loss) }
    return remarks
}

private func portRemarks(_ port: FabricPort) -> [String] {
    var remarks: [String] = []
    if let physical = port.facts.physicalState, !port.facts.isActive {
        remarks.append(shown(physical))
    }
    if port.wasReset { remarks.append("its counters were set back meanwhile") }
    let full = [port.port, port.hardware, port.ethernet].flatMap(\.stuck).sorted()
    if !full.isEmpty {
        remarks.append("can count no further: " + full.prefix(6).map(shown).joined(separator: ", "))
    }
    return remarks
}

/// Findings whose culprit goes by one of `names`.
private func findingIDs(of names: [String], _ diagnosis: Diagnosis) -> [String] {
    let ids = diagnosis.findings.filter { names.contains($0.culprit?.id ?? "") }.map(\.rule)
    return ids.prefix(6).map { "finding: " + shown($0) }
}
