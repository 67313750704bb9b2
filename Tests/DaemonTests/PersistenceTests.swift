import Daemon
import Rules
import Testing

struct PersistenceTests {
    private func finding(
        _ rule: String, _ culprit: String = "", severity: Severity = .warning
    ) -> Finding {
        Finding(
            rule: rule, cause: .cpuContention, severity: severity, confidence: .measured,
            summary: "", culprit: FindingCulprit(kind: .process, id: "1", name: culprit),
            evidence: [], fix: Fix(commands: [], risk: ""), verify: "")
    }

    @Test func raisesOnlyWhatLasts() {
        var persistence = Persistence(raiseAfter: 3, clearAfter: 5)
        for look in 1...2 {
            #expect(persistence.note([finding("a")], now: Double(look)).raised.isEmpty)
            #expect(persistence.active.isEmpty)
        }
        #expect(persistence.note([finding("a")], now: 3).raised.map(\.rule) == ["a"])
        #expect(persistence.active.map(\.since) == [3])
        #expect(persistence.note([finding("a")], now: 4).raised.isEmpty)
        #expect(persistence.active.map(\.since) == [3])
    }

    @Test func aGapBeforeItIsRaisedStartsAnew() {
        var persistence = Persistence(raiseAfter: 2, clearAfter: 5)
        _ = persistence.note([finding("a")], now: 1)
        _ = persistence.note([], now: 2)
        #expect(persistence.note([finding("a")], now: 3).raised.isEmpty)
        #expect(persistence.note([finding("a")], now: 4).raised.count == 1)
    }

    @Test func clearsOnlyWhatStaysAway() {
        var persistence = Persistence(raiseAfter: 1, clearAfter: 3)
        _ = persistence.note([finding("a")], now: 1)
        for look in 2...3 {
            #expect(persistence.note([], now: Double(look)).cleared.isEmpty)
            #expect(persistence.active.count == 1)
        }
        // It shows again: the looks that must not show it are counted from the start.
        #expect(persistence.note([finding("a")], now: 4).raised.isEmpty)
        for look in 5...6 { #expect(persistence.note([], now: Double(look)).cleared.isEmpty) }
        #expect(persistence.note([], now: 7).cleared.map(\.rule) == ["a"])
        #expect(persistence.active.isEmpty)
        #expect(persistence.note([], now: 8).cleared.isEmpty)
    }

    @Test func tellsCulpritsApartAndTheSameOneTwice() {
        var persistence = Persistence(raiseAfter: 2, clearAfter: 2)
        let both = [finding("a", "x"), finding("a", "y"), finding("a", "y")]
        _ = persistence.note(both, now: 1)
        #expect(persistence.note(both, now: 2).raised.count == 3)
        _ = persistence.note([finding("a", "y")], now: 3)
        let change = persistence.note([finding("a", "y")], now: 4)
        #expect(change.cleared.compactMap(\.culprit?.name).sorted() == ["x", "y"])
        #expect(persistence.active.count == 1)
    }

    @Test func theGravestComesFirstAndTheNumbersAreTheLatest() {
        var persistence = Persistence(raiseAfter: 1, clearAfter: 2)
        var later = finding("b", severity: .critical)
        _ = persistence.note([finding("a"), later], now: 1)
        later.summary = "newer"
        _ = persistence.note([finding("a"), later], now: 2)
        #expect(persistence.active.map(\.finding.rule) == ["b", "a"])
        #expect(persistence.active.first?.finding.summary == "newer")
    }

    @Test func whatNeverLastsIsForgotten() {
        var persistence = Persistence(raiseAfter: 3, clearAfter: 3)
        for look in 0..<1_000 {
            _ = persistence.note([finding("a", "name \(look)")], now: Double(look))
        }
        #expect(persistence.active.isEmpty)
    }
}
