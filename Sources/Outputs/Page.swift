/// Text that grows line by line, wrapped to a width. Everything that goes in is made safe here;
/// only the page itself adds colour.
struct Page {
    let style: TextStyle
    private var lines: [String] = []

    init(_ style: TextStyle) { self.style = style }

    /// Never so narrow that the tables lose their sense.
    var width: Int { max(style.width, 62) }

    var text: String { lines.joined(separator: "\n") + "\n" }

    mutating func blank() {
        if let last = lines.last, !last.isEmpty { lines.append("") }
    }

    mutating func heading(_ text: String) {
        blank()
        lines.append(painted(safe(text), .bold))
    }

    /// One line as it is, not wrapped: something to copy.
    mutating func line(_ text: String, indent: Int = 0, tint: Tint? = nil) {
        lines.append(spaces(indent) + painted(safe(text), tint))
    }

    /// A wrapped paragraph; later lines hang under the text, right of the label.
    mutating func paragraph(
        _ text: String, indent: Int = 0, label: String = "", labelWidth: Int = 0, tint: Tint? = nil
    ) {
        let name = padded(safe(label), labelWidth, isRight: false)
        let margin = indent + Outputs.width(of: name)
        for (index, line) in wrapped(safe(text), to: width - margin).enumerated() {
            let start = index == 0 ? spaces(indent) + painted(name, tint) : spaces(margin)
            lines.append(trimmingEnd(start + line))
        }
    }

    /// Words of several letters that stay whole, two blanks between them, wrapped.
    mutating func items(_ items: [String], indent: Int = 0) {
        for line in wrapped(items.map { safe($0) }, gap: 2, to: width - indent) {
            lines.append(spaces(indent) + line)
        }
    }

    /// Paragraphs that blank lines divide; single line ends inside them are blanks.
    mutating func prose(_ text: String, indent: Int = 0, label: String = "", labelWidth: Int = 0) {
        for (index, part) in paragraphs(of: text).enumerated() {
            if index > 0 { blank() }
            paragraph(
                part, indent: indent,
                label: index == 0 ? label : "", labelWidth: labelWidth, tint: .dim)
        }
    }

    /// Cells side by side, one blank between them.
    mutating func row(_ cells: [Cell], indent: Int) {
        lines.append(trimmingEnd(spaces(indent) + joined(cells)))
    }

    /// A row with a stacked bar in the middle.
    mutating func row(
        _ left: [Cell], bar: [(sign: String, tint: Tint?)], _ right: [Cell], indent: Int
    ) {
        let signs = bar.map { painted(safe($0.sign), $0.tint) }.joined()
        let line = spaces(indent) + joined(left) + " " + signs + " " + joined(right)
        lines.append(trimmingEnd(line))
    }

    private func joined(_ cells: [Cell]) -> String {
        cells.map { cell in
            let text = safe(cell.text, limit: cell.width > 0 ? cell.width : .max)
            return painted(padded(text, cell.width, isRight: cell.isRight), cell.tint)
        }.joined(separator: " ")
    }

    /// `text` without anything that a terminal would obey, in ASCII where it has to be.
    private func safe(_ text: String, limit: Int = .max) -> String {
        guard !style.unicode else { return terminalSafe(text, limit: limit) }
        return terminalSafe(asciiPunctuation(text), limit: limit, ascii: true)
    }

    private func painted(_ text: String, _ tint: Tint?) -> String {
        guard style.colour, let tint, !text.isEmpty else { return text }
        return "\u{1b}[" + tint.rawValue + "m" + text + "\u{1b}[0m"
    }
}

/// The parts of a text between blank lines, each on one line.
func paragraphs(of text: String) -> [String] {
    var parts: [[Substring]] = [[]]
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
        let words = line.split(separator: " ")
        if words.isEmpty { parts.append([]) } else { parts[parts.count - 1] += words }
    }
    return parts.filter { !$0.isEmpty }.map { $0.joined(separator: " ") }
}

/// Lines of at most `width` columns, broken at blanks; a longer word stays whole. A percent
/// sign stays with its number.
func wrapped(_ text: String, to width: Int) -> [String] {
    var words: [String] = []
    for word in text.split(separator: " ") {
        if word.first == "%", let last = words.popLast() {
            words.append(last + " " + word)
        } else {
            words.append(String(word))
        }
    }
    return wrapped(words, gap: 1, to: width)
}

/// `words` in lines of at most `width` columns, `gap` blanks between them.
func wrapped(_ words: [String], gap: Int, to width: Int) -> [String] {
    var lines = [""]
    var used = 0
    for word in words {
        let columns = Outputs.width(of: word)
        if used > 0 && used + gap + columns > width {
            lines.append("")
            used = 0
        }
        let blanks = used > 0 ? gap : 0
        lines[lines.count - 1] += spaces(blanks) + word
        used += columns + blanks
    }
    return lines
}

func spaces(_ count: Int) -> String { String(repeating: " ", count: max(count, 0)) }

package func padded(_ text: String, _ width: Int, isRight: Bool) -> String {
    let blanks = spaces(width - Outputs.width(of: text))
    return isRight ? blanks + text : text + blanks
}

private func trimmingEnd(_ line: String) -> String {
    var rest = Substring(line)
    while rest.last == " " { rest.removeLast() }
    return String(rest)
}

/// Our own typography for places that have ASCII only.
private func asciiPunctuation(_ text: String) -> String {
    let plain: [Character: String] = [
        "…": "...", "–": "-", "—": "-", "·": "-", "×": "x", "µ": "u", "μ": "u", "≥": ">=",
        "≤": "<=", "→": "->", "“": "\"", "”": "\"", "‘": "'", "’": "'", "−": "-",
    ]
    return text.reduce(into: "") { $0 += plain[$1] ?? String($1) }
}
