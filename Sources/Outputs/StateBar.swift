import Signals

/// How one part of a bar looks: a sign of its own, and a colour that repeats it.
struct BarPart {
    var name: String
    var sign: String
    var ascii: String
    var tint: Tint?

    func sign(_ style: TextStyle) -> String { style.unicode ? sign : ascii }
}

extension ThreadState {
    /// Time that the thread wanted and did not get.
    static let lost: [ThreadState] = [
        .waiting, .throttled, .irq, .softirq, .reclaim, .compaction, .fault, .io, .blocked,
    ]

    var part: BarPart {
        switch self {
        case .running: BarPart(name: name, sign: "█", ascii: "#", tint: .green)
        case .irq: BarPart(name: name, sign: "▲", ascii: "I", tint: .magenta)
        case .softirq: BarPart(name: name, sign: "△", ascii: "S", tint: .magenta)
        case .waiting: BarPart(name: name, sign: "▒", ascii: "w", tint: .yellow)
        case .throttled: BarPart(name: name, sign: "▚", ascii: "T", tint: .red)
        case .reclaim: BarPart(name: name, sign: "▄", ascii: "r", tint: .cyan)
        case .compaction: BarPart(name: name, sign: "▀", ascii: "c", tint: .cyan)
        case .fault: BarPart(name: name, sign: "◆", ascii: "f", tint: .cyan)
        case .io: BarPart(name: name, sign: "●", ascii: "o", tint: .blue)
        case .blocked: BarPart(name: name, sign: "▪", ascii: "b", tint: .red)
        case .sleeping: BarPart(name: name, sign: "·", ascii: ".", tint: .dim)
        }
    }
}

extension StateTimes {
    /// Wanted and not got, ns.
    var lost: UInt64 { ThreadState.lost.reduce(0) { $0 &+ self[$1] } }
    /// Lost, but not to waiting for a CPU, ns.
    var held: UInt64 { lost &- self[.waiting] }
    var awake: UInt64 { total &- self[.sleeping] }

    func share(_ nanoseconds: UInt64) -> Double {
        total > 0 ? Double(nanoseconds) / Double(total) : 0
    }
}

/// Cells of a bar `width` wide for `amounts`, which add up to all of it: each amount gets its
/// share, and whatever is 1 % or more gets at least one cell.
package func barCells(_ amounts: [UInt64], width: Int) -> [Int] {
    let total = amounts.reduce(0.0) { $0 + Double($1) }
    guard total > 0, width > 0 else { return amounts.map { _ in 0 } }
    let exact = amounts.map { Double($0) / total * Double(width) }
    var cells = exact.map { Int($0) }
    let rests = exact.map { $0 - $0.rounded(.down) }
    let byRest = rests.indices.sorted { rests[$0] > rests[$1] }
    for index in byRest.prefix(max(width - cells.reduce(0, +), 0)) { cells[index] += 1 }
    for index in cells.indices where cells[index] == 0 && Double(amounts[index]) >= total / 100 {
        guard let most = cells.indices.max(by: { cells[$0] < cells[$1] }), cells[most] > 1
        else { break }
        cells[most] -= 1
        cells[index] += 1
    }
    return cells
}

/// The signs of a stacked bar, part by part; blank where nothing was measured.
func bar(
    _ parts: [(part: BarPart, amount: UInt64)], width: Int, style: TextStyle
) -> [(sign: String, tint: Tint?)] {
    let cells = barCells(parts.map(\.amount), width: width)
    let filled = zip(parts, cells).filter { $1 > 0 }.map { entry, count in
        (sign: String(repeating: entry.part.sign(style), count: count), tint: entry.part.tint)
    }
    let rest = width - cells.reduce(0, +)
    return rest > 0 ? filled + [(sign: spaces(rest), tint: nil)] : filled
}

/// The signs that occur, with their names: `# running`, `w waiting`.
func legend(_ parts: [(part: BarPart, amount: UInt64)], style: TextStyle) -> [String] {
    let total = parts.reduce(0.0) { $0 + Double($1.amount) }
    let seen = parts.filter { $0.amount > 0 && Double($0.amount) >= total / 10_000 }
    return seen.map { $0.part.sign(style) + " " + $0.part.name }
}

/// A share for a table that has its percent sign in the head: `31`, `3.2`, `<0.1`.
func tableShare(_ share: Double) -> String {
    percent(share).split(separator: " ").filter { $0 != "%" }.joined()
}
