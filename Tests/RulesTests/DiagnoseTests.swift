import Host
import Rules
import Signals
import Testing
import Training

/// How findings share one loss, how they are ranked, and what the whole comes to.
@Suite struct DiagnoseTests {
    private let rsync = Culprit(kind: .process, id: 4321, name: "rsync")

    /// A rule that finds what it is told to find.
    private func rule(
        _ id: String, _ cause: Cause = .cpuContention, _ severity: Severity? = .warning,
        claims: [Claim] = []
    ) -> Rule {
        Rule(
            id: id, cause: cause, ceiling: .critical, title: id,
            explanation: Explanation(
                what: "", why: "", seen: "", fix: "", avoid: "", verify: "", sources: [])
        ) { _ throws(Unavailable) in
            guard let severity else { return [] }
            return [
                Finding(
                    rule: id, cause: cause, severity: severity, confidence: .measured,
                    summary: id, evidence: [], fix: Fix(commands: [], risk: ""), verify: "",
                    claims: claims)
            ]
        }
    }

    private func unavailable(_ id: String, _ cause: Cause) -> Rule {
        var rule = rule(id, cause)
        rule.check = { _ throws(Unavailable) in throw Unavailable("no such file") }
        return rule
    }

    /// Thread 701 launches, 733 loads; both are seen for ten seconds.
    private func observation(
        _ launch: [ThreadState: UInt64], loader: [ThreadState: UInt64] = [:],
        waits: [Wait] = [], mmapLock: UInt64 = 0
    ) -> Observation {
        var first = Scheduling.thread(701, launch)
        first.mmapLock = mmapLock
        return Scheduling.observation(
            job: Scheduling.job(roles: [701: .launch, 733: .loader]),
            threads: [first, Scheduling.thread(733, loader)], waits: waits)
    }

    private func granted(_ diagnosis: Diagnosis) -> [String: UInt64] {
        let sums = diagnosis.findings.map { finding in
            (finding.rule, finding.claims.reduce(UInt64(0)) { $0 + $1.nanoseconds })
        }
        return Dictionary(uniqueKeysWithValues: sums)
    }

    // No nanosecond twice

    @Test func aWaitBehindSomebodyIsPartOfAllWaiting() {
        let seen = observation(
            [.waiting: .ms(1_001)], waits: [Wait(tid: 701, culprit: rsync, nanoseconds: .ms(601))])
        let behind = Claim(tid: 701, loss: .waiting(rsync), nanoseconds: .ms(601))
        let all = Claim(tid: 701, loss: .state(.waiting), nanoseconds: .ms(1_001))
        let first = diagnose([rule("behind", claims: [behind]), rule("all", claims: [all])], seen)
        #expect(granted(first) == ["behind": .ms(601), "all": .ms(400)])
        let last = diagnose([rule("all", claims: [all]), rule("behind", claims: [behind])], seen)
        #expect(granted(last) == ["all": .ms(1_001)])
    }

    @Test func waitingForTheLockIsPartOfBeingBlocked() {
        let seen = observation([.blocked: .ms(1_001)], mmapLock: .ms(701))
        let lock = Claim(tid: 701, loss: .mmapLock, nanoseconds: .ms(701))
        let blocked = Claim(tid: 701, loss: .state(.blocked), nanoseconds: .ms(1_001))
        let first = diagnose(
            [rule("lock", claims: [lock]), rule("blocked", claims: [blocked])], seen)
        #expect(granted(first) == ["lock": .ms(701), "blocked": .ms(300)])
    }

    @Test func nobodyGetsMoreThanWasLost() {
        let seen = observation([.io: .ms(301)], loader: [.io: .ms(103)])
        let claims = [701, 733].map {
            Claim(tid: $0, loss: .state(.io), nanoseconds: .ms(9_001))
        }
        #expect(granted(diagnose([rule("io", claims: claims)], seen)) == [:])
        let fitting = [Claim(tid: 701, loss: .state(.io), nanoseconds: .ms(401))]
        #expect(granted(diagnose([rule("io", claims: fitting)], seen)) == ["io": .ms(301)])
    }

    @Test func aFindingNeedsAQuarterOfItsLossForItself() {
        let seen = observation([.io: .ms(1_000)])
        func kept(_ before: UInt64) -> [String] {
            let first = Claim(tid: 701, loss: .state(.io), nanoseconds: before)
            let second = Claim(tid: 701, loss: .state(.io), nanoseconds: .ms(1_000))
            return diagnose(
                [rule("first", claims: [first]), rule("second", claims: [second])], seen
            ).findings.map(\.rule).sorted()
        }
        #expect(kept(.ms(750)) == ["first", "second"])
        #expect(kept(.ms(750) + 1) == ["first"])
    }

    @Test func aFindingWithoutClaimsIsNeverDropped() {
        let found = diagnose([rule("setting", .configuration, .info)], observation([:])).findings
        #expect(found.map(\.rule) == ["setting"])
        #expect(found.first?.cost == Cost())
    }

    @Test func costsComeFromWhatWasGranted() throws {
        let seen = observation([.io: .ms(301)], loader: [.io: .ms(199)])
        let claims = [
            Claim(tid: 701, loss: .state(.io), nanoseconds: .ms(301)),
            Claim(tid: 733, loss: .state(.io), nanoseconds: .ms(199)),
        ]
        let finding = try #require(diagnose([rule("io", claims: claims)], seen).findings.first)
        #expect(finding.cost.threadSecondsPerSecond == 0.05)
        #expect(finding.cost.launchShare == 0.0301)
    }

    // Ranking

    @Test func severityComesFirstThenLaunchThreads() {
        let seen = observation(
            [.io: .ms(2_001), .fault: .ms(31)], loader: [.reclaim: .ms(3_999)])
        let rules = [
            rule(
                "small", .majorFaults, .critical,
                claims: [
                    Claim(tid: 701, loss: .state(.fault), nanoseconds: .ms(31))
                ]),
            rule(
                "loader", .memoryReclaim,
                claims: [
                    Claim(tid: 733, loss: .state(.reclaim), nanoseconds: .ms(3_999))
                ]),
            rule("none", .configuration), rule("neither", .configuration),
            rule(
                "launch", .storageStall,
                claims: [
                    Claim(tid: 701, loss: .state(.io), nanoseconds: .ms(2_001))
                ]),
        ]
        let ranked = diagnose(rules, seen).findings.map(\.rule)
        #expect(ranked == ["small", "launch", "loader", "none", "neither"])
    }

    // Verdict

    @Test func theVerdictGoesByTheGravestFinding() {
        func verdict(_ severity: Severity?) -> Diagnosis.Verdict {
            diagnose([rule("any", .swap, severity)], observation([:])).verdict
        }
        #expect(verdict(nil) == .healthy)
        #expect(verdict(.info) == .healthy)
        #expect(verdict(.warning) == .hostBound)
        #expect(verdict(.critical) == .hostBound)
    }

    @Test func withoutThreadsNothingIsHealthy() {
        #expect(diagnose([rule("any", .swap, .info)], Observation()).verdict == .unknown)
        #expect(diagnose([], Scheduling.observation()).verdict == .unknown)
        #expect(diagnose([rule("any", .swap)], Observation()).verdict == .hostBound)
    }

    @Test func whatCouldNotBeCheckedIsSaid() {
        let diagnosis = diagnose([unavailable("blind", .swap)], observation([:]))
        #expect(diagnosis.unchecked == [Unchecked(rule: "blind", reason: "no such file")])
    }
}
