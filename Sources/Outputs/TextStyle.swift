/// What the place that text goes to can show.
package struct TextStyle: Sendable {
    package var colour: Bool
    package var unicode: Bool
    /// Columns.
    package var width: Int

    package init(colour: Bool, unicode: Bool, width: Int) {
        self.colour = colour
        self.unicode = unicode
        self.width = width
    }

    /// A file or a pipe.
    package static let plain = TextStyle(colour: false, unicode: true, width: 80)
}

/// Colour and weight. It only repeats what words and signs already say.
enum Tint: String {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case blue = "34"
    case magenta = "35"
    case cyan = "36"
    case alarm = "1;31"
    case alert = "1;33"
    case calm = "1;32"
}

/// A piece of a table row. `width` 0: as wide as its text.
struct Cell {
    var text: String
    var width = 0
    var isRight = false
    var tint: Tint?
}
