import Signals

/// Culprits that go by one name: a compile storm is one culprit, however many pids it has.
struct CulpritGroup {
    var name: String
    var nanoseconds: UInt64 = 0
    /// The longest waited for first.
    var members: [(culprit: Culprit, nanoseconds: UInt64)] = []

    /// The groups behind `losses`, the worst first. `name` tells what belongs together.
    static func groups(
        _ losses: [ThreadLoss], by name: (Culprit) -> String = { $0.name }
    ) -> [CulpritGroup] {
        var byCulprit: [Culprit: UInt64] = [:]
        for claim in losses.flatMap(\.claims) {
            guard case .waiting(let culprit) = claim.loss else { continue }
            byCulprit[culprit, default: 0] &+= claim.nanoseconds
        }
        var groups: [String: CulpritGroup] = [:]
        for (culprit, lost) in byCulprit {
            groups[name(culprit), default: CulpritGroup(name: name(culprit))].add(culprit, lost)
        }
        return groups.values.map(\.sorted).sorted {
            ($1.nanoseconds, $0.name) < ($0.nanoseconds, $1.name)
        }
    }

    private mutating func add(_ culprit: Culprit, _ lost: UInt64) {
        nanoseconds &+= lost
        members.append((culprit, lost))
    }

    private var sorted: CulpritGroup {
        var copy = self
        copy.members.sort {
            ($1.nanoseconds, $0.culprit.id) < ($0.nanoseconds, $1.culprit.id)
        }
        return copy
    }

    /// Those with positive pids, which alone may stand in a command, the worst first.
    func processes(most: Int) -> [Culprit] {
        var seen: Set<Int32> = []
        return members.map(\.culprit).filter { $0.id > 0 && seen.insert($0.id).inserted }
            .prefix(most).map { $0 }
    }
}
