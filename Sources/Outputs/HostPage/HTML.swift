/// A page that grows. Elements and attributes come from closed lists and style sheets are literals,
/// so all that comes in as a String can only be text: it is escaped here and nowhere else, and
/// nothing on the page can refer to another place.
struct HTML {
    enum Tag: String {
        case html, head, meta, title, style, body, header, main, section, article, footer, div
        case h1, h2, h3, p, span, strong, code, pre, ul, li, dl, dt, dd
        case table, thead, tbody, tr, th, td
        case svg, path, rect, g

        var isVoid: Bool { self == .meta }
        /// Ends a line, which keeps the source legible.
        var isBlock: Bool {
            switch self {
            case .title, .span, .strong, .code, .pre, .th, .td, .dt, .rect, .path: false
            default: true
            }
        }
    }

    enum Attribute: String {
        case classes = "class", lang, charset, name, content, httpEquiv = "http-equiv"
        case scope, role, label = "aria-label", hidden = "aria-hidden", tabindex
        case viewBox, preserveAspectRatio, width, height, x, y, d
    }

    typealias Attributes = [(name: Attribute, value: String)]

    /// Longest text from outside, in characters.
    static let longestText = 2_000

    private(set) var text = "<!DOCTYPE html>\n"

    init() { text.reserveCapacity(1 << 17) }

    /// Bytes so far.
    var size: Int { text.utf8.count }

    mutating func element(
        _ tag: Tag, _ attributes: Attributes = [], _ content: (inout HTML) -> Void = { _ in }
    ) {
        text += "<"
        text += tag.rawValue
        for (name, value) in attributes {
            text += " "
            text += name.rawValue
            text += "=\""
            text += htmlEscaped(value, limit: .max)
            text += "\""
        }
        text += ">"
        if !tag.isVoid {
            content(&self)
            text += "</"
            text += tag.rawValue
            text += ">"
        }
        if tag.isBlock { text += "\n" }
    }

    mutating func element(
        _ tag: Tag, _ classes: String? = nil, text: String, limit: Int = longestText
    ) {
        element(tag, classes.map { [(.classes, $0)] } ?? []) { $0.add(text, limit: limit) }
    }

    mutating func element(
        _ tag: Tag, classes: String, _ content: (inout HTML) -> Void
    ) {
        element(tag, [(.classes, classes)], content)
    }

    mutating func add(_ more: String, limit: Int = longestText) {
        text += htmlEscaped(more, limit: limit)
    }

    mutating func lineEnd() { text += "\n" }

    /// A style sheet, which only this program writes.
    mutating func style(_ sheet: StaticString) {
        element(.style) { $0.text += "\n\(sheet)\n" }
    }
}

/// `text` for HTML, inside elements and quoted attributes alike: what has a meaning there is
/// escaped, what deceives a reader is shown as in `terminalSafe`, and long texts are cut.
package func htmlEscaped(_ text: String, limit: Int) -> String {
    // Nearly every text is this: nothing in it needs care.
    let isPlain = text.utf8.count <= limit && text.utf8.allSatisfy { isPlainHTML($0) }
    if isPlain { return text }
    var escaped = ""
    for scalar in terminalSafe(text, limit: limit).unicodeScalars {
        switch scalar {
        case "&": escaped += "&amp;"
        case "<": escaped += "&lt;"
        case ">": escaped += "&gt;"
        case "\"": escaped += "&quot;"
        case "'": escaped += "&#39;"
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return escaped
}

private func isPlainHTML(_ byte: UInt8) -> Bool {
    switch byte {
    // & < > " '
    case 0x22, 0x26, 0x27, 0x3c, 0x3e: false
    default: (0x20..<0x7f).contains(byte)
    }
}
