import Host
import Rules
import Signals
import Testing
import Training

/// What is said of causes that were looked for and not found.
@Suite struct ExcludedTests {
    /// A rule that finds nothing, or only something of the given severity.
    private func rule(_ cause: Cause, _ severity: Severity? = nil) -> Rule {
        Rule(
            id: cause.rawValue, cause: cause, ceiling: .critical, title: "",
            explanation: Explanation(
                what: "", why: "", seen: "", fix: "", avoid: "", verify: "", sources: [])
        ) { _ throws(Unavailable) in
            guard let severity else { return [] }
            return [
                Finding(
                    rule: cause.rawValue, cause: cause, severity: severity, confidence: .measured,
                    summary: "", evidence: [], fix: Fix(commands: [], risk: ""), verify: "")
            ]
        }
    }

    private var seen: Observation {
        var brief = ThreadActivity(tid: 709, pid: 701, name: "python")
        brief.time[.reclaim] = .ms(999)
        return Scheduling.observation(
            job: Scheduling.job(roles: [701: .launch, 709: .launch, 733: .loader]),
            threads: [
                Scheduling.thread(701, [.reclaim: .ms(31), .waiting: .ms(163)]),
                Scheduling.thread(733, [.reclaim: .ms(5_003)]), brief,
            ],
            waits: [
                Scheduling.wait(701, behind: 4321, "rsync", .ms(17)),
                Scheduling.wait(701, behind: 37, "kworker/5:1", .ms(2), kind: .kthread),
                Scheduling.wait(701, behind: 701, "python", .ms(41)),
                Scheduling.wait(701, behind: 0, "", .ms(101), kind: .idle),
                Scheduling.wait(701, behind: 0, "", .ms(2), kind: .yield),
            ])
    }

    @Test func theBoundIsTheWorstLastingLaunchThreads() {
        let excluded = diagnose([rule(.memoryReclaim)], seen).excluded
        #expect(excluded == [Excluded(cause: .memoryReclaim, upperBound: 0.0031)])
    }

    @Test func waitingIsSplitByWhoseTheCulpritIs() {
        let excluded = diagnose([rule(.cpuContention), rule(.cpuOversubscription)], seen).excluded
        #expect(
            excluded == [
                Excluded(cause: .cpuContention, upperBound: 0.0019),
                Excluded(cause: .cpuOversubscription, upperBound: 0.0041),
            ])
    }

    @Test func aWarningOrAMissingSignalExcludesNothing() {
        #expect(diagnose([rule(.memoryReclaim, .warning)], seen).excluded.isEmpty)
        #expect(diagnose([rule(.memoryReclaim, .info)], seen).excluded.count == 1)
        var blind = rule(.memoryReclaim)
        blind.check = { _ throws(Unavailable) in throw Unavailable("no such file") }
        #expect(diagnose([blind], seen).excluded.isEmpty)
        // A setting has no share of a thread's time.
        #expect(diagnose([rule(.configuration)], seen).excluded.isEmpty)
    }

    @Test func withoutProbesThereAreNoBounds() {
        var sampled = seen
        let threads = (try? sampled.threads())?.threads ?? []
        sampled.whole.change[Threads.self] = .success(Threads(method: .procfs, threads: threads))
        #expect(diagnose([rule(.memoryReclaim)], sampled).excluded.isEmpty)
    }
}
