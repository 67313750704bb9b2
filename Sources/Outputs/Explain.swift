package import Rules

/// The catalogue as a table: what each rule is called, which cause it names, what it notices.
package func explain(_ rules: [Rule]) -> String {
    let idWidth = rules.map { width(of: $0.id) }.max() ?? 0
    let causeWidth = rules.map { width(of: $0.cause.rawValue) }.max() ?? 0
    var page = Page(TextStyle(colour: false, unicode: true, width: 100))
    for rule in rules {
        let id = padded(rule.id, idWidth, isRight: false)
        let cause = padded(rule.cause.rawValue, causeWidth, isRight: false)
        page.paragraph(rule.title, label: "\(id)  \(cause)  ")
    }
    if rules.isEmpty { page.line("There are no rules.") }
    return page.text
}

/// One rule taught in a page.
package func explain(_ rule: Rule, width: Int) -> String {
    var page = Page(TextStyle(colour: false, unicode: true, width: width))
    page.paragraph(rule.title, label: rule.id + "  ")
    page.paragraph("cause \(rule.cause.rawValue), at most \(rule.ceiling.rawValue)")
    for (heading, text) in chapters(of: rule.explanation) {
        page.heading(heading)
        page.prose(text, indent: 2)
    }
    if !rule.explanation.sources.isEmpty { page.heading("Sources") }
    for source in rule.explanation.sources { page.paragraph(source, indent: 2, label: "- ") }
    return page.text
}

/// The parts of an explanation in reading order, those left empty left out.
func chapters(of explanation: Explanation) -> [(heading: String, text: String)] {
    [
        ("What it is", explanation.what),
        ("Why it hurts training", explanation.why),
        ("How it is seen", explanation.seen),
        ("What the fix does", explanation.fix),
        ("When not to apply it", explanation.avoid),
        ("How to verify", explanation.verify),
    ].filter { !$0.1.isEmpty }
}
