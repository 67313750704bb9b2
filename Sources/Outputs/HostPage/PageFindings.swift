import Rules
import Signals
import Training

/// A command for each queue of eight adapters, and some.
private let mostCommands = 600
private let mostEvidence = 12
/// A longer command is not shown at all: half of one would do something else. Bytes.
private let longestCommand = 4_000

extension HTML {
    /// Warnings in full, then the lesser things in short.
    mutating func findings(_ report: PageReport, _ about: PageAbout) {
        let all = Array(report.diagnosis.findings.enumerated())
        let full = all.filter { $0.element.severity >= .warning }
        let short = all.filter { $0.element.severity < .warning }
        element(.section) { section in
            section.element(.h2, text: "Findings")
            if full.isEmpty {
                section.element(.p, "quiet", text: "Nothing that costs enough to act on.")
            }
            section.list(full) { place, finding, html in
                html.finding(finding, place, report, about)
            }
        }
        guard !short.isEmpty else { return }
        element(.section) { section in
            section.element(.h2, text: full.isEmpty ? "Noticed" : "Also noticed")
            section.list(short) { _, finding, html in html.short(finding, report.rules) }
        }
    }

    /// As many as the page has room for.
    private mutating func list(
        _ findings: [(offset: Int, element: Finding)],
        _ show: (Int, Finding, inout HTML) -> Void
    ) {
        for (count, entry) in findings.enumerated() {
            guard size < PageRoom.findings else {
                return more(findings.count - count, "finding", in: .p)
            }
            show(entry.offset, entry.element, &self)
        }
    }

    private mutating func finding(
        _ finding: Finding, _ place: Int, _ report: PageReport, _ about: PageAbout
    ) {
        let rule = report.rules.first { $0.id == finding.rule }
        element(.article, classes: "finding \(finding.severity.rawValue)") { article in
            article.head(finding, rule)
            article.element(.p, "summary", text: finding.summary, limit: longestSummary)
            article.element(.dl) { list in
                list.row("who", finding.culprit.map { described($0) })
                list.row("cost", costText(finding.cost, report.observation))
                list.row("hits", affectedText(finding.affected, report.observation))
                list.row("why", rule.flatMap { paragraphs(of: $0.explanation.why).first })
                list.row("since", since(place, report, about))
                list.commands("do", finding.fix.commands)
                list.commands("keep", finding.fix.persist)
                list.commands("undo", finding.fix.rollback)
                list.row("risk", finding.fix.risk)
                if finding.fix.needsReboot {
                    list.row("reboot", "needed before this takes effect")
                }
                list.row(
                    "set by",
                    finding.fix.managedBy.map {
                        "\(shown($0)) runs here and also sets this; tell it too"
                    })
                list.row("verify", finding.verify)
                list.evidence(finding.evidence)
            }
        }
    }

    /// What it is, in words and as the catalogue calls it.
    private mutating func head(_ finding: Finding, _ rule: Rule?) {
        element(.h3) { head in
            head.element(
                .span, "badge \(finding.severity.rawValue)",
                text: finding.severity.rawValue.uppercased())
            head.add(rule?.title ?? finding.cause.rawValue, limit: 200)
        }
        element(
            .p, "quiet",
            text: "\(finding.cause.rawValue) · \(shown(finding.rule)) · "
                + finding.confidence.rawValue)
    }

    private mutating func row(_ name: String, _ text: String?) {
        guard let text, !text.isEmpty else { return }
        element(.dt, text: name)
        element(.dd, text: text, limit: longestSummary)
    }

    /// Lines to copy: one click selects all of them.
    private mutating func commands(_ name: String, _ commands: [String]) {
        guard !commands.isEmpty else { return }
        element(.dt, text: name)
        element(.dd) { $0.commandLines(commands) }
    }

    private mutating func commandLines(_ commands: [String]) {
        var room = PageRoom.commands - size
        let fits = commands.allSatisfy { command in
            guard command.utf8.count <= longestCommand else { return false }
            room -= htmlEscaped(command, limit: .max).utf8.count
            return room >= 0
        }
        // Commands belong together: all of them or none.
        guard fits, commands.count <= mostCommands else {
            element(
                .p, "quiet",
                text: "\(counted(commands.count, "command")), too long for this page: see stoker "
                    + "diagnose.")
            return
        }
        // A focus can scroll it where it is wider than the window.
        element(.pre, [(.tabindex, "0")]) { pre in
            for (index, command) in commands.enumerated() {
                if index > 0 { pre.lineEnd() }
                pre.element(.code, text: command, limit: .max)
            }
        }
    }

    private mutating func evidence(_ evidence: [Evidence]) {
        guard !evidence.isEmpty else { return }
        element(.dt, text: "measured")
        element(.dd) { cell in
            cell.element(.table, classes: "evidence") { table in
                table.element(.tbody) { body in
                    for row in evidence.prefix(mostEvidence) { body.evidence(row) }
                }
            }
            cell.more(evidence.count - mostEvidence, "figure", in: .p)
        }
    }

    private mutating func evidence(_ evidence: Evidence) {
        var limit = evidence.threshold.map { "limit " + measure($0, unit: shown(evidence.unit)) }
        if let source = evidence.source { limit = (limit.map { $0 + "; " } ?? "") + source }
        element(.tr) { row in
            row.element(.td, text: shown(evidence.name))
            row.element(.td, "number", text: measure(evidence.value, unit: shown(evidence.unit)))
            row.element(.td, "quiet", text: limit ?? "", limit: 300)
        }
    }

    private mutating func short(_ finding: Finding, _ rules: [Rule]) {
        let rule = rules.first { $0.id == finding.rule }
        element(.article, classes: "finding info") { article in
            article.head(finding, rule)
            article.element(.p, "summary", text: finding.summary, limit: longestSummary)
            guard !finding.fix.commands.isEmpty else { return }
            article.element(.dl) { list in
                list.commands("do", finding.fix.commands)
                list.commands("undo", finding.fix.rollback)
                list.row("risk", finding.fix.risk)
            }
        }
    }
}

private func since(_ place: Int, _ report: PageReport, _ about: PageAbout) -> String? {
    guard report.since.indices.contains(place) else { return nil }
    let begin = report.since[place]
    let passed = about.now - begin
    guard passed.isFinite, passed >= 0, passed < 1e9 else { return nil }
    return "\(duration(nanoseconds: UInt64(passed * 1e9))), from "
        + utcTime(begin, dividedBy: " ") + " UTC"
}
