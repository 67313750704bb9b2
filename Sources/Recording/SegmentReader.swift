import CSQLite
import Glibc
import Host

/// A moment that is on record.
struct Tick: Equatable {
    /// CLOCK_MONOTONIC, ns.
    var monotonic: UInt64
    /// Seconds since 1970.
    var wallClock: Double
    /// Its row can be read without those before it.
    var isWhole: Bool
}

/// A segment that is read. Nothing in it is believed.
struct SegmentReader: ~Copyable {
    /// Bytes of rows that are unpacked in all: a day at full length has less. Judgement.
    private static let mostWork = 4 << 30
    /// Ticks of one segment: 46 days of them. Judgement.
    private static let mostTicks = 4_000_000

    let path: String
    let run: RecordedRun
    private let database: Database
    /// What the row at `position` says.
    private(set) var rows = RowReader()
    private var position: UInt64?
    private var work = 0

    init(_ path: String) throws(RecordingError) {
        let start: [UInt8]
        do throws(FileError) { start = try Host().bytes(path, limit: 16) } catch {
            throw .file(path: path, reason: error.reason)
        }
        guard start == Array("SQLite format 3\0".utf8) else { throw .notARecording(path: path) }
        guard let real = realpath(path, nil) else {
            throw .file(path: path, reason: String(cString: strerror(errno)))
        }
        defer { free(real) }
        let database = try Self.opened(String(cString: real), shownAs: path)
        run = try Self.run(database, path)
        self.path = path
        self.database = database
    }

    /// Every row's time, in order. What cannot be read ends the list.
    func ticks() -> [Tick] {
        var ticks: [Tick] = []
        do throws(SQLiteError) {
            let statement = try database.prepare(
                "SELECT monotonic, wall, whole FROM ticks INDEXED BY times ORDER BY monotonic")
            while try statement.step() {
                let (monotonic, wallClock) = (statement.number(0), statement.double(1))
                guard ticks.count < Self.mostTicks, monotonic >= 0, wallClock.isFinite,
                    ticks.last.map({ $0.monotonic < UInt64(monotonic) }) ?? true
                else { break }
                ticks.append(
                    Tick(
                        monotonic: UInt64(monotonic), wallClock: wallClock,
                        isWhole: statement.number(2) == 1))
            }
        } catch {
            return ticks
        }
        return ticks
    }

    /// Reads on to the row of `tick`; `whole` is the last whole one that is not after it.
    mutating func seek(_ tick: UInt64, whole: UInt64) throws(Corruption) {
        let from = position.map { $0 >= whole && $0 <= tick ? $0 : nil } ?? nil
        if from == tick { return }
        position = nil
        do throws(SQLiteError) {
            let statement = try database.prepare(
                "SELECT monotonic, whole, body FROM ticks WHERE monotonic BETWEEN ? AND ? "
                    + "ORDER BY monotonic")
            statement.bind(1, Int64(clamping: from.map { $0 + 1 } ?? whole))
            statement.bind(2, Int64(clamping: tick))
            while try statement.step() { try take(statement) }
        } catch {
            throw Corruption(error.message)
        }
        guard rows.monotonic == tick else { throw Corruption("a row is missing") }
        position = tick
    }

    private mutating func take(_ statement: borrowing Statement) throws(SQLiteError) {
        let body = statement.bytes(2)
        do throws(Corruption) {
            try rows.take(body, isWhole: statement.number(1) == 1)
            work += rows.unpacked
            guard work <= Self.mostWork else { throw Corruption("there is too much of it") }
            guard rows.monotonic == UInt64(clamping: statement.number(0)) else {
                throw Corruption("a row has another time than it says")
            }
        } catch {
            throw SQLiteError(code: SQLITE_CORRUPT, message: error.reason)
        }
    }
}

extension SegmentReader {
    /// A copy on a medium that cannot be written has no log beside it, and nobody writes to it.
    private static func opened(
        _ path: String, shownAs name: String
    ) throws(RecordingError) -> Database {
        do throws(RecordingError) {
            return try asking(name) { () throws(SQLiteError) in try checked(path, .read) }
        } catch {
            guard access(path, W_OK) != 0 || access(path + "-wal", F_OK) != 0 else { throw error }
        }
        return try asking(name) { () throws(SQLiteError) in try checked(path, .readImmutable) }
    }

    private static func checked(
        _ path: String, _ access: Database.Access
    ) throws(SQLiteError) -> Database {
        let database = try Database(path, access)
        _ = try database.number("PRAGMA user_version")
        return database
    }

    private static func run(
        _ database: borrowing Database, _ path: String
    ) throws(RecordingError) -> RecordedRun {
        let marks = try asking(path) { () throws(SQLiteError) in
            (
                try database.number("PRAGMA application_id"),
                try database.number("PRAGMA user_version")
            )
        }
        guard marks.0 == Segment.application else { throw .notARecording(path: path) }
        guard marks.1 == Segment.format else {
            throw .format(path: path, found: marks.1)
        }
        let schema = try asking(path) { () throws(SQLiteError) in
            try database.texts("SELECT sql FROM sqlite_schema ORDER BY rowid")
        }
        guard schema == Segment.schema else { throw .notARecording(path: path) }
        let run = try asking(path) { () throws(SQLiteError) -> RecordedRun? in
            let statement = try database.prepare(
                "SELECT host, boot, run, version, memory FROM recording")
            guard try statement.step() else { return nil }
            return RecordedRun(
                hostname: statement.text(0), bootID: statement.text(1), id: statement.text(2),
                version: statement.text(3),
                memoryNanoseconds: statement.isNull(4) ? nil : UInt64(clamping: statement.number(4))
            )
        }
        guard let run else { throw .empty(path: path) }
        return run
    }

    private static func asking<Answer: ~Copyable>(
        _ path: String, _ question: () throws(SQLiteError) -> Answer
    ) throws(RecordingError) -> Answer {
        do throws(SQLiteError) {
            return try question()
        } catch {
            switch error.kind {
            case SQLITE_NOTADB: throw .notARecording(path: path)
            case SQLITE_CORRUPT: throw .damaged(path: path, reason: error.message)
            default: throw .database(path: path, reason: error.message)
            }
        }
    }
}
