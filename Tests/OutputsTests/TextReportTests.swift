import Outputs
import Rules
import Signals
import Testing
import Training

@Suite struct TextReportTests {
    static let plain = TextStyle(colour: false, unicode: false, width: 80)

    private func report(
        _ observation: Observation, _ diagnosis: Diagnosis, _ style: TextStyle = plain
    ) -> String {
        textReport(
            observation, diagnosis, rules: [Samples.rule], version: "0.1.0", style: style)
    }

    @Test func showsEverythingInReadingOrder() {
        #expect(report(Samples.observation(), Samples.diagnosis) == golden)
    }

    @Test func theWholeMachineIsShownWhereNobodyTrains() {
        var job = Samples.job
        job.scope = .host
        let text = report(Samples.observation(job: job), Diagnosis(verdict: .healthy))
        #expect(text == goldenMachine)
    }

    @Test func colourAddsNothingButColour() {
        let plain = TextStyle(colour: false, unicode: true, width: 100)
        let colour = TextStyle(colour: true, unicode: true, width: 100)
        for scope in [Job.Scope.processes, .host] {
            var job = Samples.job
            job.scope = scope
            let observation = Samples.observation(job: job)
            let coloured = report(observation, Samples.diagnosis, colour)
            let bare = coloured.replacing(/\u{1b}\[[0-9;]*m/, with: "")
            #expect(coloured.contains("\u{1b}["))
            let expected = report(observation, Samples.diagnosis, plain)
            #expect(withoutLineEnds(bare) == withoutLineEnds(expected))
        }
    }

    @Test(arguments: [0, 62, 71, 80, 100, 200])
    func linesKeepToTheWidth(width: Int) {
        let style = TextStyle(colour: false, unicode: true, width: width)
        let text = report(Samples.observation(), Samples.diagnosis, style)
        let copied = Samples.contention.fix.persist + Samples.setting.fix.commands
        for line in text.split(separator: "\n") {
            if copied.contains(where: { line.hasSuffix($0) }) { continue }
            #expect(Outputs.width(of: String(line)) <= max(width, 62), "\(line)")
        }
    }

    @Test func hostileNamesStayText() {
        for name in hostileTexts(120) {
            let (observation, diagnosis) = Samples.hostile(name)
            for scope in [Job.Scope.processes, .host] {
                var observation = observation
                observation.job.scope = scope
                let text = report(observation, diagnosis, TextStyle.plain)
                #expect(harmful(in: text, allowingLines: true).isEmpty)
                #expect(report(observation, diagnosis).utf8.allSatisfy { $0 < 0x7f })
            }
        }
    }

    @Test func nothingObservedIsUnknownAndSaysWhy() {
        let text = report(Observation(), Diagnosis(verdict: .unknown))
        #expect(
            text == """
                UNKNOWN  Too little could be seen to say: not sampled.

                0 ns from 1970-01-01 00:00:00 UTC - stoker 0.1.0

                """)
    }

    @Test func figuresThatAreNoNumbersAreShownAsUnknown() {
        var diagnosis = Samples.diagnosis
        diagnosis.findings[0].cost.launchShare = .nan
        diagnosis.findings[0].evidence[0].value = .infinity
        diagnosis.excluded[0].upperBound = .nan
        var observation = Samples.observation()
        observation.startedAt = .nan
        let text = report(observation, diagnosis)
        #expect(text.contains("The host cost the job 0.31 thread-seconds every second"))
        #expect(!text.contains("nan") && !text.contains("inf"))
    }

    @Test func theHostIsHeldAgainstWhatIsItsOwn() {
        var outside = Samples.contention
        (outside.cause, outside.severity, outside.isOutsideHost) = (.pcieDegraded, .critical, true)
        var diagnosis = Samples.diagnosis
        diagnosis.findings.insert(outside, at: 0)
        let text = report(Samples.observation(), diagnosis).replacing(/\s+/, with: " ")
        #expect(text.contains("worst: cpu-contention"))
        #expect(!text.contains("worst: pcie"))
    }

    @Test func timeLostElsewhereIsNotBlamedOnTheHost() {
        let text = report(Samples.observation(), Diagnosis(verdict: .notHost))
        #expect(
            text.hasPrefix(
                """
                NOT-HOST  Time is lost, but not to this host: 58 % of the launch thread's time
                          was its own work on a CPU.
                """))
    }

    @Test func everyStateHasASignOfItsOwn() {
        let time = StateTimes(
            Dictionary(uniqueKeysWithValues: ThreadState.allCases.map { ($0, 9) }))
        let threads = Threads(threads: [thread(time)])
        let observation = Samples.observation(threads: threads)
        for (unicode, signs) in [(false, " #ISwTrcfob. "), (true, " █▲△▒▚▄▀◆●▪· ")] {
            let style = TextStyle(colour: false, unicode: unicode, width: 74)
            #expect(report(observation, Diagnosis(verdict: .healthy), style).contains(signs))
        }
    }

    private func thread(_ time: StateTimes) -> ThreadActivity {
        var thread = ThreadActivity(tid: 1, pid: 1, name: "all")
        thread.time = time
        return thread
    }

    private func withoutLineEnds(_ text: String) -> [String] {
        text.split(separator: "\n").map { line in
            String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
