package import Rules

/// Findings that last: one look is not enough to raise a finding, nor to clear it.
package struct Persistence: Sendable {
    /// Looks in a row that must show a finding before it is raised, and that must not before it is
    /// cleared.
    private var raiseAfter: Int
    private var clearAfter: Int
    private var known: [Key: Known] = [:]

    /// A finding is the same as before when it blames the same: numbers and victims change.
    private struct Key: Hashable {
        var rule: String
        var culprit: String
        /// Tells apart what one look finds more than once.
        var place: Int
    }

    private struct Known {
        var finding: Finding
        var order: Int
        var seen = 0
        var missed = 0
        var raisedAt: Double?
    }

    package init(raiseAfter: Int, clearAfter: Int) {
        self.raiseAfter = max(1, raiseAfter)
        self.clearAfter = max(1, clearAfter)
    }

    /// What is raised stays so until it is cleared.
    package mutating func change(raiseAfter: Int, clearAfter: Int) {
        self.raiseAfter = max(1, raiseAfter)
        self.clearAfter = max(1, clearAfter)
    }

    package struct Change: Sendable, Equatable {
        package var raised: [Finding] = []
        package var cleared: [Finding] = []
    }

    /// Takes note of what one look found; `now` is in seconds since 1970.
    package mutating func note(_ findings: [Finding], now: Double) -> Change {
        var change = Change()
        var present: Set<Key> = []
        for (order, finding) in findings.enumerated() {
            let key = key(of: finding, among: present)
            present.insert(key)
            var entry = known[key] ?? Known(finding: finding, order: order)
            (entry.finding, entry.order, entry.missed) = (finding, order, 0)
            entry.seen += 1
            if entry.seen >= raiseAfter && entry.raisedAt == nil {
                entry.raisedAt = now
                change.raised.append(finding)
            }
            known[key] = entry
        }
        for (key, entry) in known where !present.contains(key) {
            var entry = entry
            (entry.missed, entry.seen) = (entry.missed + 1, 0)
            if entry.raisedAt != nil && entry.missed < clearAfter {
                known[key] = entry
            } else {
                known[key] = nil
                if entry.raisedAt != nil { change.cleared.append(entry.finding) }
            }
        }
        return change
    }

    /// What is raised now, with when it was; the gravest first.
    package var active: [(finding: Finding, since: Double)] {
        known.values.compactMap { entry in entry.raisedAt.map { (entry, $0) } }
            .sorted { left, right in
                let (a, b) = (left.0, right.0)
                guard a.finding.severity == b.finding.severity else {
                    return a.finding.severity > b.finding.severity
                }
                return (a.order, a.finding.rule) < (b.order, b.finding.rule)
            }
            .map { ($0.0.finding, $0.1) }
    }

    private func key(of finding: Finding, among present: Set<Key>) -> Key {
        let culprit = finding.culprit.map { "\($0.kind.rawValue) \($0.name)" } ?? ""
        var key = Key(rule: finding.rule, culprit: culprit, place: 0)
        while present.contains(key) { key.place += 1 }
        return key
    }
}
