import Fabric
import Host
import Machines
import Rules
import Signals
import Testing
import Training

@testable import Recording

/// What is read is what a live look would have said.
@Suite struct ReplayTests {
    @Test(arguments: Machine.all)
    func aRecordingIsJudgedAsTheLiveLookWas(machine: Machine) throws {
        let series = try Series(machine)
        let room = Room()
        let replayed = try History(room.record(series.entries)).observation(TimeRange())
        expectSame(replayed.whole, series.live.whole)
        #expect(replayed.timeline.count == series.live.timeline.count)
        for (left, right) in zip(replayed.timeline, series.live.timeline) {
            expectSame(left, right.withoutSleepers)
        }
        #expect(replayed.facts == series.live.facts)
        #expect(replayed.job == series.live.job)
        #expect(replayed.coverage == series.live.coverage)
        #expect(replayed.startedAt == Series.start)
        #expect(replayed.recording == RecordingOrigin(version: "9.9"))
        let (left, right) = (diagnose(catalogue, replayed), diagnose(catalogue, series.live))
        #expect(left == right)
        #expect(right.findings.contains { $0.severity >= .warning })
    }

    @Test func aPartIsWhatALiveLookAtThatPartSays() throws {
        let series = try Series(.workstation, seconds: 20)
        let room = Room()
        let part = TimeRange(since: Series.start + 5, until: Series.start + 11)
        let replayed = try History(room.record(series.entries)).observation(part)
        let samples = series.entries[5...11].map(\.sample)
        expectSame(replayed.whole, Window(from: samples[0], to: samples[6], of: allSignals))
        #expect(replayed.timeline.count == 6)
        #expect(replayed.startedAt == Series.start + 5)
    }

    /// Live, changes of masks are counted from the beginning of the look.
    @Test func changesOfMasksAreThoseOfThePart() throws {
        var entries = Series.quiet(10)
        for index in entries.indices {
            entries[index].job.processes[0].affinityChanges = [100: index * 3]
        }
        let room = Room()
        let history = try History(room.record(entries))
        func changes(_ range: TimeRange) throws -> Int {
            try history.observation(range).job.affinityChanges(of: 100, in: 100)
        }
        #expect(try changes(TimeRange()) == 27)
        #expect(try changes(TimeRange(since: Series.start + 5)) == 15)
    }

    @Test(arguments: [3_600.0, -3_600, -1_795_399_000])
    func theClockMayBeSet(step: Double) throws {
        var entries = Series.quiet(20)
        for index in 10..<20 { entries[index].wallClock += step }
        let room = Room()
        let history = try History(room.record(entries))
        let whole = try history.observation(TimeRange(since: 0, until: 1e10))
        #expect(whole.whole.seconds == 19)
        #expect(whole.timeline.count == 19)
        #expect(whole.timeline.allSatisfy { $0.seconds == 1 })
    }

    @Test func aSuspendedHostLeavesNoHole() throws {
        var entries = Series.quiet(20)
        // The wall clock goes on, CLOCK_MONOTONIC does not.
        for index in 10..<20 { entries[index].wallClock += 8 * 3_600 }
        let room = Room()
        let history = try History(room.record(entries))
        let night = TimeRange(since: Series.start, until: Series.start + 9 * 3_600)
        #expect(try history.observation(night).whole.seconds == 19)
        let morning = TimeRange(since: Series.start + 3_600)
        #expect(try history.observation(morning).whole.seconds == 9)
    }

    @Test func aLongRecordingHasToBeCut() throws {
        let room = Room()
        let history = try History(room.record(Series.quiet(700)))
        #expect(
            throws: RecordingError.tooLong(
                path: room.file(), from: Series.start + 1, to: Series.start + 700)
        ) { try history.observation(TimeRange()) }
        let all = try history.observation(TimeRange(since: 0))
        #expect(all.whole.seconds == 699)
        #expect(all.timeline.count <= 600 && all.timeline.count > 500)
        #expect(all.timeline.reduce(0) { $0 + $1.nanoseconds } == all.whole.nanoseconds)
    }

    @Test func nothingWasRecordedThen() throws {
        let room = Room()
        let history = try History(room.record(Series.quiet(9)))
        let bounds = (from: Series.start + 1, to: Series.start + 9)
        for range in [
            TimeRange(since: bounds.to + 1), TimeRange(until: bounds.from - 1),
            TimeRange(since: bounds.from + 3, until: bounds.from + 3.5),
        ] {
            #expect(
                throws: RecordingError.outOfRange(
                    path: room.file(), from: bounds.from, to: bounds.to)
            ) { try history.observation(range) }
        }
    }

    /// Totals of two runs have nothing in common.
    @Test func aRestartOfTheRecorderDividesTheTime() throws {
        let room = Room()
        let name = "stoker-20261123T0210\("00")Z-0a1b2c3d.db"
        _ = try room.record(Series.quiet(5), to: name, .test("first"))
        _ = try room.record(
            Series.quiet(9, from: 100), to: "stoker-20261123T021140Z-0a1b2c3d.db", .test("second"))
        let all = try History(room.path).observation(TimeRange())
        #expect(all.whole.seconds == 8)
        #expect(all.startedAt == Series.start + 100)
        #expect(all.recording?.notes.count == 1)
    }

    /// Segments of one run are one recording.
    @Test func segmentsAreReadAsOne() throws {
        let room = Room()
        let entries = Series.quiet(120)
        for (number, part) in [entries[..<50], entries[50..<51], entries[51...]].enumerated() {
            _ = try room.record(Array(part), to: "stoker-2026112\(number)T000000Z-0a1b2c3d.db")
        }
        let all = try History(room.path).observation(TimeRange())
        #expect(all.whole.seconds == 119)
        #expect(all.timeline.count == 119)
        #expect(all.recording?.notes == [])
        try Tree.damage(room.file("stoker-20261121T000000Z-0a1b2c3d.db"))
        let rest = try History(room.path).observation(TimeRange())
        #expect(rest.whole.seconds == 119 && rest.timeline.count == 118)
        #expect(rest.recording?.notes.count == 1)
    }
}

extension Tree {
    /// Makes a file no database.
    fileprivate static func damage(_ path: String) throws {
        let tree = Tree()
        try tree.write("/x", "nothing")
        try Files.copy(tree.folder + "/x", to: path)
    }
}
