package import Signals

/// States of the ledger as the page draws them: few enough to tell their colours apart.
package enum TimeGroup: String, CaseIterable, Sendable {
    case running, waiting, throttled, interrupted, memory, io, blocked, sleeping

    package var states: [ThreadState] {
        switch self {
        case .running: [.running]
        case .waiting: [.waiting]
        case .throttled: [.throttled]
        case .interrupted: [.irq, .softirq]
        case .memory: [.reclaim, .compaction, .fault]
        case .io: [.io]
        case .blocked: [.blocked]
        case .sleeping: [.sleeping]
        }
    }

    var name: String {
        switch self {
        case .running: "running"
        case .waiting: "waiting for a CPU"
        case .throttled: "throttled"
        case .interrupted: "interrupted"
        case .memory: "faults and reclaim"
        case .io: "waiting for storage"
        case .blocked: "blocked"
        case .sleeping: "asleep"
        }
    }

    package func time(in times: StateTimes) -> UInt64 {
        states.reduce(0) { $0 &+ times[$1] }
    }
}

/// One part of a bar or an area: `colour` is a class of the style sheet.
struct PagePart {
    var name: String
    var colour: String
    var amount: UInt64
}

func pageParts(_ times: StateTimes) -> [PagePart] {
    TimeGroup.allCases.map { group in
        PagePart(name: group.name, colour: group.rawValue, amount: group.time(in: times))
    }
}

extension HTML {
    /// Names of the parts that occur, each with its colour.
    mutating func legend(_ parts: [PagePart], and more: [(name: String, colour: String)] = []) {
        let total = parts.reduce(0.0) { $0 + Double($1.amount) }
        let seen = parts.filter { $0.amount > 0 && Double($0.amount) >= total / 10_000 }
        let all = seen.map { (name: $0.name, colour: "bg-" + $0.colour) } + more
        guard !all.isEmpty else { return }
        element(.ul, classes: "legend") { list in
            for entry in all {
                list.element(.li) { item in
                    item.element(
                        .span, [(.classes, "key " + entry.colour), (.hidden, "true")])
                    item.add(entry.name)
                }
            }
        }
    }

    /// A stacked bar. `of`: what the whole width stands for.
    mutating func bar(_ parts: [PagePart], of whole: UInt64? = nil) {
        let sum = parts.reduce(0.0) { $0 + Double($1.amount) }
        let total = max(sum, whole.map { Double($0) } ?? 0)
        let described = parts.filter { $0.amount > 0 && Double($0.amount) >= total / 1_000 }
            .map { "\($0.name) \(percent(Double($0.amount) / total))" }.joined(separator: ", ")
        let label = described.isEmpty ? "nothing was measured" : described
        let attributes: Attributes = [
            (.classes, "bar"), (.viewBox, "0 0 1000 10"), (.preserveAspectRatio, "none"),
            (.role, "img"), (.label, label),
        ]
        element(.svg, attributes) { svg in
            svg.element(.title, text: label)
            guard total > 0 else { return }
            var left = 0.0
            for part in parts where part.amount > 0 {
                let share = Double(part.amount) / total
                svg.rect(part.colour, x: left * 1000, y: 0, width: share * 1000, height: 10)
                left += share
            }
        }
    }

    mutating func rect(
        _ colour: String, x: Double, y: Double, width: Double, height: Double
    ) {
        element(
            .rect,
            [
                (.classes, colour), (.x, coordinate(x)), (.y, coordinate(y)),
                (.width, coordinate(width)), (.height, coordinate(height)),
            ])
    }
}

/// A tenth of a unit is finer than anybody sees.
private func coordinate(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let tenths = Int((min(max(value, 0), 100_000) * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
}
