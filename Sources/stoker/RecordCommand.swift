import ArgumentParser
import Glibc
import Host
import Recording
import Signals
import Training

struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record", abstract: "Records what happens, for later diagnose --from.",
        discussion: """
            \(TargetOptions.discussion)

            The file is a SQLite database that only its owner may read, and holds names and command \
            lines of the processes that are watched. It is whole at every moment: what kills the \
            recording costs its last second. Without --duration it goes on until it is \
            interrupted, or what is watched has ended.

            Exit status: 0 recorded, 2 could not, 64 usage.
            """)

    @Option(name: .shortAndLong, help: "The file to record to. It must not exist.")
    var output: String

    @Option(help: "How long to record: 500ms, 30s, 10m, 2h; for ever when it is left out.")
    var duration: Span?

    @OptionGroup var targets: TargetOptions

    func run() throws {
        do throws(Failure) { try record() } catch {
            Terminal.complain(error.message)
            throw Exit.failure
        }
    }

    private func record() throws(Failure) {
        var watching = try targets.watching(duration?.nanoseconds)
        watching.activity = "recording"
        var tape = try Tape(output, watching)
        _ = try watching.watch { tape.add($0, &$1) }
        try tape.end()
    }
}

/// Readings on their way into a file.
private struct Tape: ~Copyable {
    /// A recording that lasts longer lets go of what ended longer ago than this, ns: its own memory
    /// must not grow. Judgement.
    private static let longest: UInt64 = 3_600_000_000_000
    private static let memory: UInt64 = 60_000_000_000
    /// Between two looks at who does what in the job, ns.
    private static let jobAge: UInt64 = 5_000_000_000

    private let path: String
    private let source: Source
    private let search: TrainingSearch?
    private var recorder: Recorder
    private var job = Job()
    private var jobAt: UInt64?
    /// Roles are told by what happened since this one.
    private var reference: Sample?
    private var next: Sample?
    private var first: UInt64?
    private var last: UInt64 = 0
    private var state = RecorderState.recording

    init(_ path: String, _ watching: Watching) throws(Failure) {
        let source = watching.source
        let isShort = watching.nanoseconds.map { $0 <= Self.longest } ?? false
        if !isShort { source.memoryNanoseconds = Self.memory }
        let run = RecordedRun(
            on: source.host, hostname: source.facts.hostname, version: version,
            memoryNanoseconds: source.memoryNanoseconds)
        let recorder: Recorder
        do throws(RecordingError) { recorder = try Recorder(file: path, run: run) } catch {
            throw Failure("cannot record to \(path): \(error.reason)")
        }
        self.recorder = recorder
        self.path = path
        self.source = source
        search = watching.search
    }

    mutating func add(_ reading: Watching.Reading, _ jobs: inout JobWatcher) {
        let sample = reading.sample
        if first == nil { first = sample.monotonic }
        last = sample.monotonic
        refreshJob(reading, &jobs)
        let entry = Entry(
            wallClock: reading.wallClock, sample: sample, job: job, facts: source.facts)
        let now = recorder.append(entry)
        if now != state { tell(now) }
        state = now
    }

    private mutating func refreshJob(_ reading: Watching.Reading, _ jobs: inout JobWatcher) {
        let sample = reading.sample
        let isDue = jobAt.map { growth(sample.monotonic, $0) >= Self.jobAge } ?? true
        guard isDue || reading.isLast else { return }
        jobAt = sample.monotonic
        let before = reference ?? sample
        let window = Window(from: before, to: sample, of: [Threads.self])
        job = jobs.job((try? window(Threads.self)) ?? Threads(), placing: reading.isLast)
        job.search = search
        // What has ended is forgotten, so roles are told by the last minute or two.
        guard let memory = source.memoryNanoseconds else {
            reference = before
            return
        }
        guard let following = next else {
            (reference, next) = (before, sample)
            return
        }
        if growth(sample.monotonic, following.monotonic) >= memory / 2 {
            (reference, next) = (following, sample)
        }
    }

    private func tell(_ state: RecorderState) {
        Terminal.progress("")
        switch state {
        case .recording: Terminal.complain("recording to \(path) again")
        case .paused(let reason): Terminal.complain("not recording to \(path): \(reason)")
        }
    }

    consuming func end() throws(Failure) {
        let (path, state) = (path, state)
        let seconds = Double(growth(last, first ?? last)) / 1e9
        recorder.finish()
        if case .paused(let reason) = state {
            throw Failure("the end is missing in \(path): \(reason)")
        }
        let length = "\((seconds * 10).rounded() / 10) s"
        Terminal.write(
            "Recorded \(length). To explain it: stoker diagnose --from \(path)\n",
            to: STDOUT_FILENO)
    }
}
