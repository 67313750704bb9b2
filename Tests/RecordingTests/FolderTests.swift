import Glibc
import Host
import Machines
import Signals
import Testing
import Training

@testable import Recording

/// A folder of history: who may write to it, and how much stays.
@Suite struct FolderTests {
    private func recorder(
        _ room: borrowing Room, _ limits: RecorderLimits = RecorderLimits(), run: String = "run"
    ) throws -> Recorder {
        Recorder(try HistoryLock(folder: room.file("history")), limits: limits, run: .test(run))
    }

    private func segments(_ room: borrowing Room) -> [String] {
        SegmentFolder(reading: room.file("history")).segments
    }

    @Test func onlyTheOwnerMayRead() throws {
        let room = Room()
        mkdir(room.file("history"), 0o755)
        chmod(room.file("history"), 0o755)
        var recorder = try recorder(room)
        for entry in Series.quiet(3) { #expect(recorder.append(entry) == .recording) }
        #expect(Files.mode(room.file("history")) == 0o700)
        let names = Host().names(in: room.file("history"))
        #expect(names.count == 4, "\(names)")
        for name in names {
            #expect(Files.mode(room.file("history/\(name)")) == 0o600, "\(name)")
        }
        recorder.finish()
        #expect(Host().names(in: room.file("history")).count == 2)
    }

    @Test func aSecondRecorderIsRefusedWithThePidOfTheFirst() throws {
        let room = Room()
        let folder = room.file("history")
        let first = try HistoryLock(folder: folder)
        #expect(throws: RecordingError.locked(path: folder, pid: getpid())) {
            _ = try HistoryLock(folder: folder)
        }
        _ = consume first
        // Nobody's pid stays behind.
        #expect(Files.size(folder + "/lock") == 0)
        let second = try HistoryLock(folder: folder)
        try Files.write(Array("rubbish".utf8), to: folder + "/lock")
        #expect(throws: RecordingError.locked(path: folder, pid: nil)) {
            _ = try HistoryLock(folder: folder)
        }
        _ = consume second
    }

    @Test func linksAreRefused() throws {
        let room = Room()
        try Files.write([1], to: room.file("target"))
        for target in [room.file("target"), room.file("nothing")] {
            symlink(target, room.file("link"))
            #expect(throws: RecordingError.self) {
                _ = try Recorder(file: room.file("link"), run: .test())
            }
            unlink(room.file("link"))
        }
        mkdir(room.file("history"), 0o700)
        symlink(room.file("target"), room.file("history/lock"))
        #expect(throws: RecordingError.self) { _ = try HistoryLock(folder: room.file("history")) }
        #expect(try Host().bytes(room.file("target")) == [1])
        #expect(access(room.file("nothing"), F_OK) != 0)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
    func foldersOfOthersAreRefused() throws {
        let room = Room()
        mkdir(room.file("theirs"), 0o700)
        mkdir(room.file("mine"), 0o700)
        chown(room.file("theirs"), 65_534, 65_534)
        symlink(room.file("mine"), room.file("link"))
        lchown(room.file("link"), 65_534, 65_534)
        for name in ["theirs", "link"] {
            #expect(throws: RecordingError.self, "\(name)") {
                _ = try HistoryLock(folder: room.file(name))
            }
        }
        // As systemd makes the state folder of a dynamic user.
        lchown(room.file("link"), 0, 0)
        _ = try HistoryLock(folder: room.file("link"))
    }

    @Test func whatCannotBeAFolderIsRefused() throws {
        let room = Room()
        try Files.write([1], to: room.file("file"))
        for name in ["file", "file/below", "not/there"] {
            #expect(throws: RecordingError.self, "\(name)") {
                _ = try HistoryLock(folder: room.file(name))
            }
        }
    }

    @Test func anOldSegmentIsFollowedByANewOne() throws {
        let room = Room()
        var limits = RecorderLimits()
        limits.segmentNanoseconds = 100_000_000_000
        var recorder = try recorder(room, limits)
        for entry in Series.quiet(500) { #expect(recorder.append(entry) == .recording) }
        #expect(recorder.segments == segments(room).count)
        recorder.finish()
        #expect((4...5).contains(segments(room).count))
        let all = try History(room.file("history")).observation(TimeRange())
        #expect(all.whole.seconds == 499 && all.timeline.count == 499)
        #expect(all.recording?.notes == [])
    }

    @Test func theOldestGoesWhenThereIsTooMuch() throws {
        let room = Room()
        var limits = RecorderLimits()
        limits.bytes = 400 << 10
        limits.seconds = 0
        var recorder = try recorder(room, limits)
        for entry in Series.quiet(4_000, threads: 60) {
            #expect(recorder.append(entry) == .recording)
        }
        #expect(recorder.bytes <= limits.bytes && recorder.bytes > limits.bytes / 2)
        #expect(recorder.missed == 0)
        recorder.finish()
        let history = try History(room.file("history"))
        #expect(segments(room).count > 2)
        #expect(history.bounds.to == Series.start + 4_000)
        #expect(history.bounds.from > Series.start + 500)
    }

    /// A second more or less is worth less than the night.
    @Test func aDayFitsHoweverManyThreadsThereAre() throws {
        let room = Room()
        var limits = RecorderLimits()
        limits.bytes = 16 << 20
        var recorder = try recorder(room, limits)
        for entry in Series.quiet(400, threads: 200) { recorder.append(entry) }
        #expect((2...9).contains(recorder.distance), "\(recorder.distance)")
        #expect(recorder.missed == 0)
        recorder.finish()
        let all = try History(room.file("history")).observation(TimeRange())
        #expect(all.whole.seconds > 385)
        #expect(all.timeline.dropFirst(100).allSatisfy { $0.seconds > 1 && $0.seconds < 10 })
    }

    @Test func fewThreadsAreRecordedEachSecond() throws {
        let room = Room()
        var recorder = try recorder(room)
        for entry in Series.quiet(200, threads: 200) { recorder.append(entry) }
        #expect(recorder.distance == 1)
        recorder.finish()
        let all = try History(room.file("history")).observation(TimeRange())
        #expect(all.timeline.count == 199)
    }

    @Test func manyRestartsLeaveSomeSegments() throws {
        let room = Room()
        var limits = RecorderLimits()
        limits.segments = 5
        for restart in 0..<12 {
            var recorder = try recorder(room, limits, run: "\(restart)")
            for entry in Series.quiet(3, from: UInt64(restart * 10)) { recorder.append(entry) }
            recorder.finish()
        }
        #expect(segments(room).count == 6)
        #expect(try History(room.file("history")).bounds.to == Series.start + 112)
    }

    /// Names sort in the order of recording, whatever the clock says.
    @Test func theClockMayJumpBetweenSegments() throws {
        let room = Room()
        var entries = Series.quiet(60)
        for index in 20..<40 { entries[index].wallClock = Double(index) }
        for index in 40..<60 { entries[index].wallClock += 3_600 }
        for part in [entries[..<20], entries[20..<40], entries[40...]] {
            var recorder = try recorder(room)
            for entry in part { #expect(recorder.append(entry) == .recording) }
            recorder.finish()
        }
        let history = try History(room.file("history"))
        #expect(
            history.parts.flatMap { $0.ticks.map(\.monotonic) } == entries.map(\.sample.monotonic))
    }

    @Test func aSegmentThatIsTakenAwayIsFollowedByANewOne() throws {
        let room = Room()
        var recorder = try recorder(room)
        for (number, entry) in Series.quiet(200).enumerated() {
            if number == 20 { for path in segments(room) { unlink(path) } }
            #expect(recorder.append(entry) == .recording)
        }
        recorder.finish()
        let all = try History(room.file("history")).observation(TimeRange())
        #expect(all.whole.seconds >= 199 - 20 - 60)
    }

    @Test func nothingIsLeftOfARecorderThatGotNoTick() throws {
        let room = Room()
        try recorder(room).finish()
        #expect(segments(room).isEmpty)
        #expect(throws: RecordingError.empty(path: room.file("history"))) {
            _ = try History(room.file("history"))
        }
    }
}
