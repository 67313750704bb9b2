import Rules
import Signals
import Training

extension Page {
    /// Warnings in full, then the lesser things in short.
    mutating func writeFindings(
        _ observation: Observation, _ diagnosis: Diagnosis, rules: [Rule]
    ) {
        let full = diagnosis.findings.filter { $0.severity >= .warning }
        if !full.isEmpty { heading("Findings") }
        for (index, finding) in full.enumerated() {
            blank()
            writeFinding(
                finding, number: index + 1, rule: rules.first { $0.id == finding.rule },
                observation)
        }
        let short = diagnosis.findings.filter { $0.severity < .warning }
        if !short.isEmpty { heading(full.isEmpty ? "Noticed" : "Also noticed") }
        for finding in short { writeShort(finding) }
    }

    private mutating func writeFinding(
        _ finding: Finding, number: Int, rule: Rule?, _ observation: Observation
    ) {
        paragraph(
            "\(finding.cause.rawValue) (\(finding.rule), \(finding.confidence.rawValue))",
            label: "\(number)  \(finding.severity.rawValue.uppercased())  ",
            tint: finding.severity == .critical ? .alarm : .alert)
        paragraph(terminalSafe(finding.summary, limit: longestSummary), indent: 3)
        blank()
        if let culprit = finding.culprit { field("who", described(culprit)) }
        if let cost = costText(finding.cost, observation) { field("cost", cost) }
        if let hit = affectedText(finding.affected, observation) { field("hits", hit) }
        if let why = rule.flatMap({ paragraphs(of: $0.explanation.why).first }) {
            field("why", why)
        }
        writeFix(finding.fix)
        field("verify", finding.verify)
        writeEvidence(finding.evidence)
    }

    private mutating func writeFix(_ fix: Fix) {
        commands("do", fix.commands)
        commands("keep", fix.persist)
        commands("undo", fix.rollback)
        field("risk", fix.risk)
        if fix.needsReboot { field("reboot", "needed before this takes effect") }
        if let manager = fix.managedBy {
            field("set by", "\(shown(manager)) runs here and also sets this; tell it too")
        }
    }

    /// What was measured, one number a line, and what it was held against.
    private mutating func writeEvidence(_ evidence: [Evidence]) {
        let names = evidence.map { shown($0.name) }
        let most = min(names.map { Outputs.width(of: $0) }.max() ?? 0, 32)
        for (index, row) in evidence.enumerated() {
            var text = measure(row.value, unit: row.unit)
            var limit = row.threshold.map { "limit " + measure($0, unit: row.unit) }
            if let source = row.source { limit = (limit.map { $0 + "; " } ?? "") + source }
            if let limit { text += "  (\(limit))" }
            let name = padded(names[index], most, isRight: false)
            paragraph(
                text, indent: 3, label: (index == 0 ? "measured  " : spaces(10)) + name + "  ")
        }
    }

    private mutating func field(_ name: String, _ text: String) {
        guard !text.isEmpty else { return }
        paragraph(text, indent: 3, label: name, labelWidth: 10, tint: .dim)
    }

    /// Lines to copy: never wrapped, nothing else on them after the first label.
    private mutating func commands(_ name: String, _ commands: [String]) {
        for (index, command) in commands.enumerated() {
            row(
                [Cell(text: index == 0 ? name : "", width: 9, tint: .dim), Cell(text: command)],
                indent: 3)
        }
    }

    private mutating func writeShort(_ finding: Finding) {
        paragraph(
            terminalSafe(finding.summary, limit: longestSummary), indent: 2,
            label: "\(finding.rule) (\(finding.cause.rawValue))  ", tint: .bold)
        for command in finding.fix.commands { line(command, indent: 6) }
    }
}

/// A summary may hold names of any length; what is longer is cut.
let longestSummary = 600

/// How much, where it is known.
func costText(_ cost: Cost, _ observation: Observation) -> String? {
    var parts: [String] = []
    if let lost = cost.threadSecondsPerSecond {
        parts.append("\(quantity(lost)) thread-seconds lost every second")
    }
    if let share = cost.launchShare {
        parts.append("\(percent(share)) of \(whose(observation)) time")
    }
    if let share = cost.gpuIdleShare { parts.append("GPUs idle meanwhile: \(percent(share))") }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
}

/// One thread by name, many by role and process.
func affectedText(_ affected: [Affected], _ observation: Observation) -> String? {
    guard let first = affected.first else { return nil }
    if affected.count == 1 {
        let threads = try? observation.threads()
        let name = threads?.threads.first { $0.tid == first.tid }.map { shown($0.name) + " " } ?? ""
        let role = first.role == .other ? "thread" : "\(first.role.rawValue) thread"
        return "\(role) \(name)(tid \(first.tid)) of pid \(first.pid)"
    }
    let roles = Role.allCases.compactMap { role in
        let count = affected.filter { $0.role == role }.count
        return count > 0 ? "\(count) \(role.rawValue)" : nil
    }
    let pids = Set(affected.map(\.pid)).sorted()
    let more = pids.count > 4 ? " and \(counted(pids.count - 4, "more process"))" : ""
    return "\(roles.joined(separator: ", ")) threads of pid "
        + pids.prefix(4).map { "\($0)" }.joined(separator: ", ") + more
}
