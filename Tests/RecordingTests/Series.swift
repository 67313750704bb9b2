import Host
import Machines
import Rules
import Signals
import Testing
import Training

@testable import Recording

/// A described machine in trouble, as the recorder gets it and as a live look sees it.
struct Series {
    var entries: [Entry]
    /// What a live look at all of it says.
    var live: Observation

    /// 2026-11-23T02:10:00Z
    static let start = 1_795_399_800.0

    init(_ machine: Machine, seconds: UInt64 = 6) throws {
        let tree = Tree()
        try machine.write(to: tree)
        let recording = try Recording(of: machine, in: tree, for: seconds)
        func disturb(_ totals: inout Readings, _ seconds: UInt64) {
            machine.addInterruptLoad(&totals, seconds)
            machine.addForeignWork(&totals, seconds)
            machine.addMigrations(&totals, seconds)
            // The recorder writes waits in this order; live they come in that of a dictionary.
            totals[Threads.self] = totals[Threads.self].map(ordered)
        }
        let live = recording.observation(disturb)
        self.live = live
        entries = recording.samples(disturb).enumerated().map { second, sample in
            Entry(
                wallClock: Self.start + Double(second), sample: sample, job: live.job,
                facts: live.facts)
        }
    }

    /// Idle ticks of a host with a few threads, a second apart.
    static func quiet(_ ticks: Int, threads: Int = 5, from first: UInt64 = 1) -> [Entry] {
        (0..<UInt64(ticks)).map { tick in
            var totals = Readings()
            totals[Threads.self] = .success(
                Threads(
                    threads: (0..<threads).map { number in
                        var thread = ThreadActivity(
                            tid: Int32(100 + number), pid: 100, startedAt: 7, name: "python3")
                        thread.time[.running] = (first + tick) * 10_000_019
                        thread.time[.sleeping] = (first + tick) * 989_999_981
                        return thread
                    }))
            let sample = Sample(monotonic: (first + tick) * 1_000_000_000, totals: totals)
            return Entry(
                wallClock: start + Double(first + tick), sample: sample,
                job: Job(processes: [ProcessFacts(pid: 100, name: "python3")]), facts: HostFacts())
        }
    }
}

extension RecordedRun {
    static func test(_ id: String = "run", memory: UInt64? = nil) -> RecordedRun {
        RecordedRun(
            hostname: "host", bootID: "0a1b2c3d-aaaa", id: id, version: "9.9",
            memoryNanoseconds: memory)
    }
}

/// A folder for recordings, gone with the value.
struct Room: ~Copyable {
    private let tree = Tree()
    let path: String

    init() {
        tree.makeFolder("")
        path = tree.folder
    }

    func file(_ name: String = "a.db") -> String { "\(path)/\(name)" }

    /// A file with these entries.
    func record(
        _ entries: [Entry], to name: String = "a.db", _ run: RecordedRun = .test()
    ) throws -> String {
        let path = file(name)
        var recorder = try Recorder(file: path, run: run)
        for entry in entries { #expect(recorder.append(entry) == .recording) }
        recorder.finish()
        return path
    }
}

/// All windows of two observations are the same; waits come in any order.
func expectSame(_ left: Window, _ right: Window) {
    #expect(left.nanoseconds == right.nanoseconds)
    for signal in allSignals { expectSame(left, right, signal) }
}

private func expectSame<S: Signal>(_ left: Window, _ right: Window, _ signal: S.Type) {
    #expect(left.change[signal].map(ordered) == right.change[signal].map(ordered), "\(S.name)")
}

private func ordered<S: Signal>(_ signal: S) -> S {
    guard var threads = signal as? Threads else { return signal }
    threads.waits.sort {
        ($0.tid, $0.culprit.id, $0.culprit.name) < ($1.tid, $1.culprit.id, $1.culprit.name)
    }
    return threads as? S ?? signal
}
