package import Host
package import Signals

/// What trying to load and attach one probe said.
package struct ProbeCheck: Sendable {
    package enum State: String, Sendable, Codable {
        case ok
        /// This kernel has no such hook.
        case missing
        /// The kernel has it and did not let us.
        case refused
    }

    package var name: String
    /// Where it attaches, such as `tp_btf/sched_switch`.
    package var hook: String
    /// The signal that it feeds.
    package var signal: String
    package var state: State
    package var reason: String?
    /// What can be told with it that cannot be told without.
    package var adds: String

    package init(
        name: String, hook: String, signal: String, state: State, reason: String? = nil,
        adds: String
    ) {
        self.name = name
        self.hook = hook
        self.signal = signal
        self.state = state
        self.reason = reason
        self.adds = adds
    }
}

/// A capability of the kernel's that Stoker can use.
package struct CapabilityCheck: Sendable {
    package var name: String
    package var isHeld: Bool
    /// What can be told with it that cannot be told without.
    package var adds: String

    package init(name: String, isHeld: Bool, adds: String) {
        self.name = name
        self.isHeld = isHeld
        self.adds = adds
    }
}

/// What this host can and cannot measure, and why.
package func checkReport(
    probes: [ProbeCheck], coverage: [Coverage], facts: HostFacts, privileges: [String],
    capabilities: [CapabilityCheck] = [], style: TextStyle = .plain
) -> String {
    var page = Page(style)
    let good = coverage.filter { $0.state == .ok }.count
    let verdict = summary(good: good, of: coverage)
    page.paragraph(verdict.text, label: verdict.word + "  ", tint: verdict.tint)
    page.heading("Host")
    for (name, value) in hostRows(facts, privileges) {
        page.paragraph(value, indent: 2, label: name, labelWidth: 12, tint: .dim)
    }
    if !capabilities.isEmpty { page.heading("Capabilities") }
    for capability in capabilities { page.write(capability, among: capabilities) }
    if !probes.isEmpty { page.heading("Probes") }
    for probe in probes { page.write(probe, among: probes) }
    if !coverage.isEmpty { page.heading("Signals") }
    for signal in coverage { page.write(signal, among: coverage) }
    return page.text
}

private func summary(
    good: Int, of coverage: [Coverage]
) -> (word: String, text: String, tint: Tint) {
    if coverage.isEmpty || coverage.allSatisfy({ $0.state == .missing }) {
        return ("BLIND", "Nothing can be measured on this host.", .alarm)
    }
    if good == coverage.count {
        return ("READY", "All \(counted(good, "signal")) can be measured in full.", .calm)
    }
    let missing = coverage.filter { $0.state == .missing }.count
    let partly = coverage.count - good - missing
    let text =
        "Of \(counted(coverage.count, "signal")), \(good) can be measured in full"
        + (partly > 0 ? ", \(partly) in part" : "") + (missing > 0 ? ", \(missing) not" : "") + "."
    return ("PARTLY", text, .alert)
}

private func hostRows(_ facts: HostFacts, _ privileges: [String]) -> [(String, String)] {
    var machine = counted(facts.topology.online.count, "CPU")
    machine += ", " + counted(facts.topology.nodes.count, "NUMA node")
    if facts.memoryTotalBytes > 0 { machine += ", \(bytes(facts.memoryTotalBytes))" }
    if let virtual = facts.isVirtualMachine { machine += virtual ? ", virtual" : ", bare metal" }
    let held = privileges.isEmpty ? "none" : privileges.joined(separator: ", ")
    let rows = [
        ("name", shown(facts.hostname)), ("kernel", facts.kernel), ("machine", machine),
        ("gpus", gpuLine(facts)), ("privileges", held),
    ]
    return rows.filter { !$0.1.isEmpty }
}

/// How many GPUs of which model, and the driver that tells of them; empty without any.
private func gpuLine(_ facts: HostFacts) -> String {
    let onBus = facts.devices.filter { $0.kind == .gpu }.count
    guard !facts.gpus.isEmpty else {
        return onBus > 0 ? "\(counted(onBus, "GPU")) on the bus; no driver tells of them" : ""
    }
    let names = Dictionary(grouping: facts.gpus) { $0.name ?? "\($0.vendor.rawValue) GPU" }
    var line = names.sorted { $0.key < $1.key }
        .map { "\($0.value.count) × \(shown($0.key))" }.joined(separator: ", ")
    let versions = Set(facts.gpus.compactMap(\.driverVersion)).sorted()
    if !versions.isEmpty { line += ", driver \(shown(versions.joined(separator: ", ")))" }
    return line
}

extension Page {
    fileprivate mutating func write(
        _ capability: CapabilityCheck, among capabilities: [CapabilityCheck]
    ) {
        let name = padded(capability.name, column(capabilities.map(\.name)), isRight: false)
        let state = padded(capability.isHeld ? "held" : "missing", 9, isRight: false)
        paragraph(
            (capability.isHeld ? "" : "Would add: ") + capability.adds, indent: 2,
            label: "\(state)\(name)  ", tint: capability.isHeld ? .green : .yellow)
    }

    fileprivate mutating func write(_ probe: ProbeCheck, among probes: [ProbeCheck]) {
        let name = padded(probe.name, column(probes.map(\.name)), isRight: false)
        let isGood = probe.state == .ok
        var text = "\(probe.hook): \(probe.adds)"
        if !isGood {
            text =
                "\(probe.hook): \(probe.reason ?? "no reason given"). "
                + "Not told without it: \(probe.adds) (\(probe.signal))"
        }
        paragraph(
            text, indent: 2, label: "\(padded(probe.state.rawValue, 9, isRight: false))\(name)  ",
            tint: isGood ? .green : .yellow)
    }

    fileprivate mutating func write(_ signal: Coverage, among all: [Coverage]) {
        let name = padded(signal.signal, column(all.map(\.signal)), isRight: false)
        var parts = signal.reason.map { [$0] } ?? []
        if signal.lost > 0 { parts.append("\(grouped(signal.lost)) events lost") }
        paragraph(
            parts.joined(separator: "; "), indent: 2,
            label: "\(padded(signal.state.rawValue, 9, isRight: false))\(name)  ",
            tint: signal.state == .ok ? .green : .yellow)
    }

    /// The width of a column of names, bounded.
    private func column(_ names: [String]) -> Int {
        min(names.map { Outputs.width(of: $0) }.max() ?? 0, 24)
    }
}
