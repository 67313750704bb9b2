import Testing
import Training

/// The step time is within 5 % of the truth, or nobody claims to know it.
struct StepsTests {
    private static let seeds = 20
    private static let ticks = [0.001, 0.004, 0.01]

    /// Milliseconds of `found`, where the truth is `seconds`; how often it was told.
    private func told(
        _ found: [(step: Double?, truth: Double)], _ what: Comment
    ) -> Int {
        for (step, truth) in found {
            guard let step else { continue }
            #expect(abs(step / 1_000 - truth) <= 0.05 * truth, what)
        }
        return found.count { $0.step != nil }
    }

    /// Jobs whose steps `step` adds until the time is over.
    private func jobs(
        _ seconds: Double, period: Double, _ step: (inout SyntheticJob) -> Void
    ) -> [(step: Double?, truth: Double)] {
        (0..<Self.seeds).map { seed in
            var job = SyntheticJob(seed: seed &* 7_919 &+ Int(period * 1_000), period: period)
            let begin = job.time
            var steps = 0.0
            while job.time < seconds {
                step(&job)
                steps += 1
            }
            let truth = (job.time - begin) / steps
            let series = job.series(seconds, tick: Self.ticks[seed % Self.ticks.count])
            return (series.stepMilliseconds, truth)
        }
    }

    @Test(arguments: [0.06, 0.085, 0.137, 0.25, 0.4, 0.73], [0.05, 0.2, 0.5, 0.8, 0.95])
    func steadyStepsAreTold(period: Double, duty: Double) {
        let found = jobs(10, period: period) { $0.step(period, duty: duty, jitter: 0.02) }
        let count = told(found, "period \(period), duty \(duty)")
        // At 60 ms there are three looks to a step.
        if period >= 0.085 && duty > 0.1 && duty < 0.9 { #expect(count >= Self.seeds - 2) }
    }

    @Test(arguments: [1.1, 1.9, 3.0])
    func longStepsNeedATimeOfManyOfThem(period: Double) {
        let long = jobs(12 * period, period: period) { $0.step(period, duty: 0.4, jitter: 0.02) }
        #expect(told(long, "period \(period)") >= Self.seeds - 2)
        let short = jobs(4.5 * period, period: period) { $0.step(period, duty: 0.4, jitter: 0.02) }
        #expect(told(short, "period \(period)") == 0)
    }

    @Test(arguments: [0.0, 0.05, 0.1, 0.15], [0.2, 0.7])
    func jitterMayHideThemAndNeverMisleads(jitter: Double, duty: Double) {
        let found = jobs(10, period: 0.25) { $0.step(0.25, duty: duty, jitter: jitter) }
        let count = told(found, "jitter \(jitter), duty \(duty)")
        if jitter <= 0.05 { #expect(count >= Self.seeds - 2) }
    }

    @Test(arguments: [2, 4, 8], [0.6, 1.5])
    func partsOfAStepAreNoSteps(parts: Int, last: Double) {
        for (period, jitter) in [(0.4, 0.0), (0.73, 0.02), (0.73, 0.1), (1.1, 0.15)] {
            let part = period / (Double(parts) + last)
            let found = jobs(12, period: period) { job in
                for _ in 0..<parts { job.step(part, duty: 0.5, jitter: jitter) }
                job.run(job.varied(part * last, jitter))
            }
            let count = told(found, "\(parts) parts of \(period), then \(last), jitter \(jitter)")
            if parts == 2 && jitter <= 0.02 { #expect(count >= Self.seeds - 4) }
        }
    }

    @Test(arguments: [0.1, 0.3])
    func checkpointsAreNoSteps(period: Double) {
        let found = (0..<Self.seeds).map { seed in
            var job = SyntheticJob(seed: seed &* 31, period: period)
            var (steps, time, next) = (0.0, 0.0, 3.0)
            while job.time < 12 {
                let begin = job.time
                job.step(period, duty: 0.5, jitter: 0.02)
                (steps, time) = (steps + 1, time + job.time - begin)
                guard job.time > next else { continue }
                let pause = 0.3 + job.dice.unit()
                if seed % 2 == 0 { job.run(pause) } else { job.rest(pause) }
                next = job.time + 5 + 3 * job.dice.unit()
            }
            return (step: job.series(12, tick: 0.004).stepMilliseconds, truth: time / steps)
        }
        #expect(told(found, "period \(period)") >= Self.seeds / (period < 0.2 ? 2 : 4))
    }

    @Test func preemptionsAndWakeUpsAreNoSteps() {
        let found = jobs(10, period: 0.25) { job in
            var left = job.varied(0.1, 0.03)
            while left > 0 {
                let piece = min(left, 0.005 + 0.03 * job.dice.exponential())
                job.run(piece)
                job.rest(0.003 * job.dice.unit())
                left -= piece
            }
            var asleep = job.varied(0.15, 0.03)
            while asleep > 0 {
                let piece = min(asleep, 0.05 * job.dice.exponential())
                job.rest(piece)
                job.run(0.0005 * job.dice.unit())
                asleep -= piece
            }
        }
        #expect(told(found, "noise") >= Self.seeds - 2)
    }

    /// Steps that are too short for the pace of the looks are not taken for longer ones.
    @Test(arguments: [0.004, 0.01, 0.0201, 0.03, 0.0399, 0.05])
    func shortStepsAreNotTold(period: Double) {
        let found = jobs(10, period: period) { $0.step(period, duty: 0.5, jitter: 0.01) }
        #expect(found.allSatisfy { $0.step == nil })
    }

    enum Idler: CaseIterable { case hog, preempted, asleep, rare, random, sameBursts, uniform }

    @Test(arguments: Idler.allCases) func whatHasNoRhythmHasNoSteps(idler: Idler) {
        for seed in 0..<Self.seeds {
            var job = SyntheticJob(seed: seed &* 104_729)
            let mean = [0.1, 0.3, 0.9, 2.0][seed % 4]
            while job.time < 10 {
                switch idler {
                case .hog: job.run(11)
                case .asleep: job.rest(11)
                case .preempted:
                    job.run(0.3 * job.dice.exponential())
                    job.rest(0.02 * job.dice.unit())
                case .rare:
                    job.rest(job.dice.exponential())
                    job.run(0.0005)
                case .random:
                    job.run(mean * 0.4 * job.dice.exponential())
                    job.rest(mean * 0.6 * job.dice.exponential())
                case .sameBursts:
                    job.run(mean * 0.4)
                    job.rest(mean * 0.6 * job.dice.exponential())
                case .uniform:
                    job.run(mean * 0.8 * job.dice.unit())
                    job.rest(mean * 1.2 * job.dice.unit())
                }
            }
            let series = job.series(10, tick: Self.ticks[seed % Self.ticks.count])
            #expect(series.stepMilliseconds == nil)
        }
    }

    /// A quota that lets short steps through in bouts, and a neighbour with a rhythm of its own.
    @Test(arguments: [0.1, 0.25], [0.03, 0.3, 1]) func thePaceOfTheHostIsSeenAsSuch(
        period: Double, duty: Double
    ) {
        for seed in 0..<Self.seeds {
            var job = SyntheticJob(seed: seed &* 6_101, period: period)
            while job.time < 10 {
                let begin = job.time
                while job.time < begin + 0.6 * period { job.step(0.02, duty: duty, jitter: 0.02) }
                job.wait(max(0.01, begin + period - job.time))
            }
            #expect(job.series(10, tick: 0.004).isHeldUpInBouts)
        }
    }

    /// Who shares a CPU all the time loses most where it works most: the rhythm stays its own.
    @Test(arguments: [0.0, 0.01, 0.5]) func aNeighbourThatIsAlwaysThereSetsNoPace(lost: Double) {
        let found = (0..<Self.seeds).map { seed in
            var job = SyntheticJob(seed: seed &* 7_129, period: 0.25)
            var steps = 0.0
            let start = job.time
            while job.time < 10 {
                var left = job.varied(0.06, 0.02)
                while left > 0 {
                    let slice = min(left, 0.003 + 0.002 * job.dice.unit())
                    job.run(slice)
                    if lost > 0 { job.wait(slice * lost / (1 - lost)) }
                    left -= slice
                }
                job.rest(job.varied(0.12, 0.02))
                steps += 1
            }
            let series = job.series(10, tick: 0.004)
            #expect(!series.isHeldUpInBouts)
            return (step: series.stepMilliseconds, truth: (job.time - start) / steps)
        }
        #expect(told(found, "lost \(lost)") >= Self.seeds - 2)
    }

    @Test func oddCountersAreNoSteps() {
        func step(_ looks: [(UInt64, UInt64)]) -> Double? {
            var series = StepSeries()
            for (time, busy) in looks { series.add(at: time, running: busy, waiting: 0) }
            return series.stepMilliseconds
        }
        #expect(StepSeries().stepMilliseconds == nil)
        #expect(step([(5, 5)]) == nil)
        #expect(step((0..<500).map { _ in (5, 5) }) == nil)
        #expect(step((0..<500).map { (UInt64(500 - $0), UInt64($0)) }) == nil)
        #expect(step((0..<500).map { (UInt64($0) * 20_000_000, UInt64(500 - $0)) }) == nil)
        #expect(step((0..<500).map { (UInt64($0) * 20_000_000, $0 % 2 == 0 ? 0 : .max) }) == nil)
        #expect(step((0..<500).map { (UInt64.max - 500 + UInt64($0), .max) }) == nil)
        #expect(step([(0, 0), (.max, .max)] + (0..<500).map { _ in (.max, .max) }) == nil)
        #expect(step((0..<100).map { (UInt64($0) << 57, UInt64($0) << 56) }) == nil)
    }

    @Test func theLatestLooksAreKept() {
        var series = StepSeries()
        for look in 0..<(5 * StepSeries.mostLooks) {
            series.add(at: UInt64(look), running: 0, waiting: 0)
        }
        #expect(series.times.count <= 2 * StepSeries.mostLooks)
        #expect(series.times.last == UInt64(5 * StepSeries.mostLooks - 1))
    }

    @Test func ranksOfAJobAgree() {
        #expect(agreedSteps([:]) == [:])
        #expect(agreedSteps([1: 250]) == [1: 250])
        #expect(agreedSteps([1: 250, 2: 260, 3: 500]) == [1: 250, 2: 260])
        #expect(agreedSteps([1: 250, 2: 500]) == [:])
        #expect(agreedSteps([1: 100, 2: 200, 3: 300]) == [:])
    }
}
