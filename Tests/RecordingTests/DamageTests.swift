import CSQLite
import Glibc
import Host
import Machines
import Rules
import Signals
import Testing
import Training

@testable import Recording

/// Files that are no recordings, and those that are damaged: an error or what is left, never a
/// crash.
@Suite struct DamageTests {
    private func error(_ path: String) -> RecordingError? {
        do throws(RecordingError) {
            _ = try History(path).observation(TimeRange(since: 0))
            return nil
        } catch {
            return error
        }
    }

    private func alter(_ path: String, _ sql: String) throws {
        try Database(path, .write).run(sql)
    }

    @Test func whatIsNoRecordingIsSaid() throws {
        let room = Room()
        for bytes in [[], Array("text\n".utf8), [UInt8](repeating: 0, count: 100_000)] {
            try Files.write(bytes, to: room.file())
            #expect(error(room.file()) == .notARecording(path: room.file()))
        }
        mkfifo(room.file("pipe"), 0o600)
        #expect(error(room.file("pipe")) == .notARecording(path: room.file("pipe")))
        #expect(error("/dev/zero") == .notARecording(path: "/dev/zero"))
        #expect(
            error(room.file("none"))
                == .file(
                    path: room.file("none"), reason: String(cString: strerror(ENOENT))))
    }

    @Test func otherDatabasesAreNoRecordings() throws {
        let room = Room()
        for sql in [
            "PRAGMA application_id = 7", "CREATE TABLE more (x)",
            "CREATE VIEW v AS SELECT 1", "DROP INDEX times",
            "CREATE TRIGGER t AFTER INSERT ON ticks BEGIN DELETE FROM ticks; END",
        ] {
            let path = try room.record(Series.quiet(5))
            try alter(path, sql)
            #expect(error(path) == .notARecording(path: path), "\(sql)")
            unlink(path)
        }
    }

    @Test func anotherFormatIsNamed() throws {
        let room = Room()
        let path = try room.record(Series.quiet(5))
        try alter(path, "PRAGMA user_version = 99")
        #expect(error(path) == .format(path: path, found: 99))
    }

    @Test func rowsThatLieAreLeftOut() throws {
        let room = Room()
        for sql in [
            "UPDATE ticks SET body = x'00' WHERE monotonic = 100000000000",
            "UPDATE ticks SET body = zeroblob(20000000) WHERE monotonic = 100000000000",
            "UPDATE ticks SET body = 'text' WHERE monotonic = 100000000000",
            "UPDATE ticks SET monotonic = 100000000001 WHERE monotonic = 100000000000",
            "DELETE FROM ticks WHERE whole = 1 AND monotonic > 1000000000",
            "UPDATE ticks SET whole = 1 - whole WHERE monotonic = 100000000000",
            "UPDATE ticks SET whole = 1",
        ] {
            let path = try room.record(Series.quiet(150))
            try alter(path, sql)
            let seen = try History(path).observation(TimeRange())
            #expect(seen.recording?.notes.isEmpty == false || seen.timeline.count < 149, "\(sql)")
            #expect(seen.whole.seconds > 10)
            unlink(path)
        }
    }

    /// Rows of a megabyte that become sixteen: each is refused for what it is, all of them for what
    /// they cost.
    @Test func bombsAreRefused() throws {
        let room = Room()
        let path = try room.record(Series.quiet(5))
        let bomb = try compressed([UInt8](repeating: 0, count: 16 << 20))
        let database = try Database(path, .write)
        let insert = try database.prepare("UPDATE ticks SET body = ?")
        insert.bind(1, bomb)
        _ = try insert.step()
        #expect(error(path)?.reason.isEmpty == false)
        var lying = bomb
        lying.replaceSubrange(0..<4, with: [255, 255, 255, 255])
        #expect(throws: Corruption.self) { try inflated(lying) }
        lying.replaceSubrange(0..<4, with: [10, 0, 0, 0])
        #expect(throws: Corruption.self) { try inflated(lying) }
    }

    @Test func aDamagedFileIsReadAsFarAsItGoesOrRefused() throws {
        let room = Room()
        let whole = try Host().bytes(room.record(Series.quiet(70, threads: 20)))
        var dice = Dice(11)
        var (read, refused) = (0, 0)
        for round in 0..<400 {
            var bytes = whole
            switch round % 4 {
            case 0: bytes.removeLast(Int.random(in: 1..<bytes.count, using: &dice))
            case 1:
                let start = Int.random(in: 0..<bytes.count, using: &dice)
                let end = min(bytes.count, start + 1_024)
                for index in start..<end { bytes[index] = UInt8(truncatingIfNeeded: dice.next()) }
            // Headers of pages, which SQLite believes.
            case 2:
                let page = Int.random(in: 0..<bytes.count / 1_024, using: &dice) * 1_024
                for _ in 0..<4 {
                    let offset = page + Int.random(in: 0..<100, using: &dice)
                    bytes[offset] = UInt8(truncatingIfNeeded: dice.next())
                }
            default:
                for _ in 0..<8 {
                    bytes[Int.random(in: 0..<bytes.count, using: &dice)] ^= 1 << (dice.next() % 8)
                }
            }
            try Files.write(bytes, to: room.file("b.db"))
            if error(room.file("b.db")) == nil { read += 1 } else { refused += 1 }
        }
        #expect(read > 40 && refused > 40, "\(read) read, \(refused) refused")
    }

    /// Behind zlib's checksum, where only we look.
    @Test func aDamagedRowIsRefusedOrRead() throws {
        var writer = RowWriter()
        let entries = try Series(.workstation).entries
        let rows = try entries.prefix(3).enumerated().map {
            try inflated(writer.row($0.element, isWhole: $0.offset == 0))
        }
        var dice = Dice(5)
        var refused = 0
        for round in 0..<1_500 {
            let victim = round % 3
            var reader = RowReader()
            do throws(Corruption) {
                for (number, row) in rows.enumerated() {
                    var row = row
                    if number == victim { damage(&row, using: &dice) }
                    try reader.take(compressed(row), isWhole: number == 0)
                }
                let sample = try reader.sample()
                _ = (try reader.facts(), try reader.job())
                _ = Window(from: entries[0].sample, to: sample, of: allSignals)
            } catch {
                refused += 1
            }
        }
        #expect(refused > 150 && refused < 1_500, "\(refused) refused")
    }

    private func damage(_ row: inout [UInt8], using dice: inout Dice) {
        for _ in 0...dice.next() % 3 {
            let index = Int.random(in: 0..<row.count, using: &dice)
            switch dice.next() % 4 {
            case 0: row[index] = UInt8(truncatingIfNeeded: dice.next())
            case 1: row[index] ^= 1 << (dice.next() % 8)
            case 2: row.insert(UInt8(truncatingIfNeeded: dice.next()), at: index)
            default: row.remove(at: index)
            }
        }
    }
}
