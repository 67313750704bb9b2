package import Rules

/// `docs/rules.md`: every rule in Markdown, made from the catalogue.
package func rulesReference(_ rules: [Rule]) -> String {
    var text = """
        # Rules

        Generated from the catalogue; do not edit. `stoker explain RULE` shows the same on a host.

        | Rule | Cause | At most | Notices |
        |---|---|---|---|

        """
    for rule in rules {
        text +=
            "| [`\(rule.id)`](#\(rule.id)) | `\(rule.cause.rawValue)` | "
            + "\(rule.ceiling.rawValue) | \(markdown(rule.title)) |\n"
    }
    for rule in rules { text += section(rule) }
    return text
}

private func section(_ rule: Rule) -> String {
    var text = "\n## \(rule.id)\n\n\(markdown(rule.title))\n"
    for (heading, body) in chapters(of: rule.explanation) {
        text += "\n### \(heading)\n\n"
        text += paragraphs(of: body).map { markdown($0) }.joined(separator: "\n\n") + "\n"
    }
    guard !rule.explanation.sources.isEmpty else { return text }
    let sources = rule.explanation.sources.map { "- \(markdown($0))\n" }.joined()
    return text + "\n### Sources\n\n" + sources
}

/// Plain text as Markdown that shows exactly that text.
private func markdown(_ text: String) -> String {
    terminalSafe(text).reduce(into: "") { escaped, character in
        if "\\`*_[]<>|#".contains(character) { escaped.append("\\") }
        escaped.append(character)
    }
}
