import Host
package import Rules
import Signals
package import Training

/// The report for a person: verdict first, then where the time went, what to do, and what could
/// not be seen. `rules` is the catalogue; it lends the explanations.
package func textReport(
    _ observation: Observation, _ diagnosis: Diagnosis, rules: [Rule], version: String,
    style: TextStyle
) -> String {
    var page = Page(style)
    let verdict = verdictLine(observation, diagnosis)
    page.paragraph(
        verdict.text, label: verdict.word + "  ",
        tint: verdictTint(diagnosis.verdict))
    page.blank()
    for line in contextLines(observation, version: version) { page.line(line, tint: .dim) }
    if let line = searchLine(observation) { page.paragraph(line) }
    page.writeOrigin(observation)
    page.writeTime(observation)
    page.writeGPUs(diagnosis)
    page.writeFindings(observation, diagnosis, rules: rules)
    page.writeExcluded(diagnosis)
    page.writeUnseen(observation, diagnosis)
    if let first = diagnosis.findings.first {
        page.blank()
        page.paragraph("More on a finding: stoker explain \(first.rule)")
    }
    return page.text
}

private func verdictTint(_ verdict: Diagnosis.Verdict) -> Tint {
    switch verdict {
    case .hostBound: .alarm
    case .notHost: .alert
    case .healthy: .calm
    case .unknown: .alert
    }
}

/// What was looked at, when and for how long.
private func contextLines(_ observation: Observation, version: String) -> [String] {
    let facts = observation.facts
    let cpus = cpuCount(observation)
    let nodes = facts.topology.nodes.count
    let host = [
        shown(facts.hostname), facts.kernel.isEmpty ? "" : "Linux \(shown(facts.kernel))",
        cpus > 0 ? counted(cpus, "CPU") : "", nodes > 0 ? counted(nodes, "NUMA node") : "",
    ]
    let window = [
        "\(duration(nanoseconds: observation.whole.nanoseconds)) from "
            + utcTime(observation.startedAt, dividedBy: " ") + " UTC",
        "stoker \(version)",
    ]
    return [host, window].map { $0.filter { !$0.isEmpty }.joined(separator: " · ") }
        .filter { !$0.isEmpty }
}

/// CPUs of the facts, or of the signal where the facts have none.
func cpuCount(_ observation: Observation) -> Int {
    let facts = observation.facts.topology.online.count
    return facts > 0 ? facts : observation.facts.topology.cpus.count
}

/// A name that the report shows in a sentence, cut where it is very long.
func shown(_ name: String) -> String { terminalSafe(name, limit: longestName) }

extension Page {
    /// That it is a recording, and of whom: its commands are for that host.
    mutating func writeOrigin(_ observation: Observation) {
        guard let recording = observation.recording else { return }
        let host = shown(observation.facts.hostname)
        paragraph(
            "From a recording of \(host.isEmpty ? "another time" : host) by stoker "
                + "\(shown(recording.version)): what it advises is for that host as it was then.")
        for note in recording.notes { paragraph("Mind: \(shown(note)).") }
    }

    mutating func writeExcluded(_ diagnosis: Diagnosis) {
        guard let line = excludedLine(diagnosis) else { return }
        heading("Ruled out")
        paragraph(line, indent: 2)
    }

    mutating func writeUnseen(_ observation: Observation, _ diagnosis: Diagnosis) {
        let lines = unseenLines(observation, diagnosis)
        guard !lines.isEmpty else { return }
        heading("Not seen")
        for line in lines {
            let label = line.label.isEmpty ? "" : line.label + " "
            paragraph(
                line.text, indent: 2, label: label, labelWidth: label.isEmpty ? 0 : 10)
        }
    }
}

/// What can have cost at most how much; `nil` where nothing was ruled out.
func excludedLine(_ diagnosis: Diagnosis) -> String? {
    guard !diagnosis.excluded.isEmpty else { return nil }
    let most = diagnosis.excluded.sorted { $0.upperBound > $1.upperBound }
    let causes = most.map { "\($0.cause.rawValue) (\(percent($0.upperBound)))" }
    return "At most this much of the worst-hit thread's time: " + causes.joined(separator: ", ")
        + "."
}

/// What was not seen, or not checked, and why.
func unseenLines(
    _ observation: Observation, _ diagnosis: Diagnosis
) -> [(label: String, text: String)] {
    var lines: [(label: String, text: String)] = []
    if let threads = try? observation.threads(), threads.method == .procfs {
        lines.append(
            (
                "",
                "Without probes only running and waiting are exact; the rest is sampled from /proc."
            ))
    }
    let gaps = observation.coverage.filter { $0.state != .ok }
    lines += gaps.map { (label: $0.signal, text: gapText($0)) }
    var rules: [String: [String]] = [:]
    var reasons: [String] = []
    for unchecked in diagnosis.unchecked {
        if rules[unchecked.reason] == nil { reasons.append(unchecked.reason) }
        rules[unchecked.reason, default: []].append(unchecked.rule)
    }
    lines += reasons.map { reason in
        (
            label: "unchecked",
            text: (rules[reason] ?? []).joined(separator: ", ") + ": " + reason
        )
    }
    return lines
}

/// Why a signal is not whole, in one line.
func gapText(_ gap: Coverage) -> String {
    var parts = [gap.state.rawValue]
    if let reason = gap.reason { parts.append(reason) }
    if gap.lost > 0 { parts.append("\(grouped(gap.lost)) events lost") }
    return parts.joined(separator: "; ")
}
