import Host
import Signals
import Training

/// Puts an observation together from the moments of one stretch, as a live look would have.
struct Replay {
    /// Steps of a timeline: what a report can show and rules can weigh. Judgement.
    private static let mostSteps = 600
    private static let leastSteps = 60
    /// Words of all steps together: a quarter of a gigabyte once they are values. Judgement.
    private static let mostWords = 16 << 20
    /// From this distance on, ns, a step may begin where reading is cheap.
    private static let coarse: UInt64 = 120_000_000_000

    private let history: History
    private let stretch: [History.Place]
    private let run: RecordedRun
    /// What has to be known of where this comes from.
    var notes: [String] = []

    private var first: Sample?
    private var last: Sample?
    private var timeline: [Window] = []
    private var startedAt = 0.0
    private var facts: HostFacts?
    private var job: Job?
    private var firstJob: Job?
    private var jobWords: Words?
    private var factsWords: Words?
    private var words = 0
    private var damage: (count: Int, reason: String) = (0, "")
    private var memory = Remembering()
    private var longestStep: UInt64 = 0

    init(_ history: History, _ stretch: [History.Place]) {
        self.history = history
        self.stretch = stretch
        run = history.parts[stretch[0].part].run
    }

    /// The recorder has forgotten some of what ended in a time as long as this.
    private var hasForgotten: Bool {
        guard let memory = run.memoryNanoseconds, let begin = stretch.first, let end = stretch.last
        else { return false }
        return growth(history.tick(end).monotonic, history.tick(begin).monotonic) > memory
    }

    mutating func observation() throws(RecordingError) -> Observation {
        try read()
        guard let first, var last, let facts, var job else {
            throw damage.count > 0
                ? .damaged(path: history.path, reason: damage.reason) : .empty(path: history.path)
        }
        guard !timeline.isEmpty else {
            throw .damaged(path: history.path, reason: damage.reason)
        }
        if hasForgotten { memory.complete(&last, since: first) }
        let whole = Window(from: first, to: last, of: allSignals)
        if run.memoryNanoseconds == nil, let firstJob { job.countAffinityChanges(since: firstJob) }
        var observation = Observation(
            facts: facts, job: job, whole: whole, timeline: timeline, coverage: coverage(whole),
            startedAt: startedAt)
        if damage.count > 0 { notes.append("\(damage.count) of its rows are damaged") }
        observation.recording = RecordingOrigin(version: run.version, notes: notes)
        return observation
    }

    /// Reads the chosen moments in order. What is damaged is left out.
    private mutating func read() throws(RecordingError) {
        let places = chosen(most: affordableSteps())
        let (begin, end) = (places[0].part, places[places.count - 1].part)
        for part in begin...end {
            let here = places.filter { $0.part == part }
            do throws(RecordingError) {
                var reader = try SegmentReader(history.parts[part].path)
                for place in here { try note(place, &reader) }
            } catch {
                // A daemon may have removed the segment meanwhile.
                guard case .tooLarge = error else {
                    damage = (damage.count + here.count, error.reason)
                    continue
                }
                throw error
            }
        }
    }

    /// Steps that the size of the first moment allows.
    private func affordableSteps() -> Int {
        let first = stretch[0]
        guard var reader = try? SegmentReader(history.parts[first.part].path),
            (try? seek(first, &reader)) != nil
        else { return Self.leastSteps }
        let affordable = Self.mostWords / max(1, reader.rows.words)
        return min(max(affordable, Self.leastSteps), Self.mostSteps)
    }

    /// All moments, or some at even distances with the first and the last among them.
    private func chosen(most steps: Int) -> [History.Place] {
        guard stretch.count > steps + 1 else { return stretch }
        let begin = history.tick(stretch[0]).monotonic
        let distance =
            growth(history.tick(stretch[stretch.count - 1]).monotonic, begin)
            / UInt64(steps)
        var chosen = [stretch[0]]
        var index = 1
        for step in 1..<UInt64(steps) {
            let target = begin + step * distance
            while index < stretch.count - 1, history.tick(stretch[index]).monotonic < target {
                index += 1
            }
            // Rows that need no other are a minute apart.
            if distance >= Self.coarse {
                let limit = target + distance / 2
                let whole = stretch[index..<(stretch.count - 1)].prefix {
                    history.tick($0).monotonic < limit
                }.first { history.tick($0).isWhole }
                if let whole, whole != chosen[chosen.count - 1] {
                    chosen.append(whole)
                    continue
                }
            }
            guard index < stretch.count - 1, stretch[index] != chosen[chosen.count - 1],
                history.tick(stretch[index]).monotonic
                    > history.tick(chosen[chosen.count - 1]).monotonic
            else { continue }
            chosen.append(stretch[index])
        }
        return chosen + [stretch[stretch.count - 1]]
    }

    private func seek(
        _ place: History.Place, _ reader: inout SegmentReader
    ) throws(Corruption) {
        let ticks = history.parts[place.part].ticks
        guard let whole = ticks[...place.tick].lastIndex(where: \.isWhole) else {
            throw Corruption("the row that it begins with is missing")
        }
        try reader.seek(ticks[place.tick].monotonic, whole: ticks[whole].monotonic)
    }

    private mutating func note(
        _ place: History.Place, _ reader: inout SegmentReader
    ) throws(RecordingError) {
        do throws(Corruption) {
            try seek(place, &reader)
            words += reader.rows.words
            guard words <= 2 * Self.mostWords else { throw Corruption("it is too large") }
            if jobWords != reader.rows.jobWords {
                let now = try reader.rows.job()
                job = hasForgotten ? job.map { now.remembering($0) } ?? now : now
                jobWords = reader.rows.jobWords
            }
            let sample = try reader.rows.sample()
            if factsWords != reader.rows.factsWords {
                facts = try reader.rows.facts()
                factsWords = reader.rows.factsWords
            }
            add(sample, at: reader.rows.wallClock)
        } catch {
            guard words <= 2 * Self.mostWords else { throw .tooLarge(path: history.path) }
            damage = (damage.count + 1, error.reason)
        }
    }

    private mutating func add(_ sample: Sample, at wallClock: Double) {
        if let last {
            let step = Window(from: last, to: sample, of: allSignals)
            longestStep = max(longestStep, step.nanoseconds)
            timeline.append(step.withoutSleepers)
        } else {
            first = sample
            firstJob = job
            startedAt = wallClock
        }
        if hasForgotten { memory.note(sample) }
        last = sample
    }

    /// What a step that is longer than the recorder's memory cannot show is said.
    private func coverage(_ whole: Window) -> [Coverage] {
        var coverage = whole.change.coverage(of: allSignals)
        guard let memory = run.memoryNanoseconds, longestStep > memory else { return coverage }
        let seconds = longestStep / 1_000_000_000
        for index in coverage.indices
        where coverage[index].signal == Threads.name && coverage[index].state != .missing {
            let reason =
                "read at distances of up to \(seconds) s: what ended in between is left out"
            coverage[index].state = .degraded
            coverage[index].reason = [coverage[index].reason, reason].compactMap { $0 }
                .joined(separator: "; ")
        }
        return coverage
    }
}
