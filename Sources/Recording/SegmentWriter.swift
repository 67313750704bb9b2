import Glibc
import Signals

/// A segment that is being written.
struct SegmentWriter: ~Copyable {
    /// A row that needs no other comes at least this often, ns, and after so many rows: who reads a
    /// part begins there.
    private static let wholeNanoseconds: UInt64 = 60_000_000_000
    private static let wholeRows = 60
    /// Of pages in memory: what is written is not read again.
    private static let cacheKibibytes = 256
    /// The log is cut to this when a large row made it longer.
    private static let logBytes = 4 << 20
    /// Bytes that a row takes beside its body: measured, 80 to 400.
    private static let overhead: UInt64 = 200

    let path: String
    /// CLOCK_MONOTONIC, ns.
    let beganAt: UInt64
    private let database: Database
    private let insert: Statement
    private var rows = RowWriter()
    private var wholeAt: UInt64 = 0
    /// Rows since the last whole one; `nil` when the next one has to be whole.
    private var rowsSince: Int?
    private var last: UInt64?
    private var written: (rows: UInt64, bytes: UInt64) = (0, 0)

    var isEmpty: Bool { last == nil }
    /// With what SQLite adds to each.
    var bytesPerRow: UInt64 { written.bytes / max(1, written.rows) + Self.overhead }

    /// Creates the file, which must not exist, for its owner alone.
    init(_ path: String, _ run: RecordedRun, at monotonic: UInt64) throws(RecordingError) {
        let path = try Segment.resolved(path)
        for companion in Segment.companions where access(path + companion, F_OK) == 0 {
            throw .file(path: path + companion, reason: String(cString: strerror(EEXIST)))
        }
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .file(path: path, reason: String(cString: strerror(errno)))
        }
        close(descriptor)
        let database = try Self.asking(path) { () throws(SQLiteError) in
            try Self.created(path, run)
        }
        let insert = try Self.asking(path) { () throws(SQLiteError) in
            try database.prepare("INSERT INTO ticks VALUES (?, ?, ?, ?)")
        }
        self.path = path
        beganAt = monotonic
        self.database = database
        self.insert = insert
    }

    /// A file that could not be begun is not left behind.
    private static func asking<Answer: ~Copyable>(
        _ path: String, _ question: () throws(SQLiteError) -> Answer
    ) throws(RecordingError) -> Answer {
        do throws(SQLiteError) { return try question() } catch {
            Segment.remove(path)
            throw .database(path: path, reason: error.message)
        }
    }

    /// Write-ahead log, synchronized when it is moved into the file: what a tick writes is safe from
    /// the death of the process at once, and the file from that of the machine. Measured: a tick costs
    /// less than half of what a rollback journal costs, and nothing waits for the disk but once in
    /// minutes. Small pages: most rows are smaller than the usual ones, which go into the log whole.
    private static func created(
        _ path: String, _ run: RecordedRun
    ) throws(SQLiteError) -> Database {
        let database = try Database(path, .write)
        try database.run(
            """
            PRAGMA page_size = 1024;
            PRAGMA cache_size = -\(cacheKibibytes);
            PRAGMA journal_size_limit = \(logBytes);
            PRAGMA application_id = \(Segment.application);
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            BEGIN;
            \(Segment.schema.joined(separator: ";\n"));
            PRAGMA user_version = \(Segment.format);
            """)
        let insert = try database.prepare("INSERT INTO recording VALUES (?, ?, ?, ?, ?)")
        for (index, text) in [run.hostname, run.bootID, run.id, run.version].enumerated() {
            insert.bind(CInt(index + 1), text)
        }
        if let memory = run.memoryNanoseconds { insert.bind(5, Int64(clamping: memory)) }
        _ = try insert.step()
        insert.reset()
        try database.run("COMMIT")
        return database
    }

    /// Adds one row, in a transaction of its own.
    mutating func append(_ entry: Entry) throws(SegmentError) {
        let monotonic = entry.sample.monotonic
        // The same moment twice would say nothing.
        if let last, monotonic <= last { return }
        let isDue = monotonic &- wholeAt >= Self.wholeNanoseconds
        let isWhole = isDue || rowsSince.map { $0 >= Self.wholeRows } ?? true
        let since = rowsSince
        rowsSince = nil
        let body: [UInt8]
        do { body = try rows.row(entry, isWhole: isWhole) } catch { throw .unwritable("\(error)") }
        insert.reset()
        insert.bind(1, Int64(clamping: monotonic))
        insert.bind(2, entry.wallClock)
        insert.bind(3, Int64(isWhole ? 1 : 0))
        insert.bind(4, body)
        do throws(SQLiteError) {
            _ = try insert.step()
            insert.reset()
        } catch {
            insert.reset()
            throw .database(error)
        }
        if isWhole { wholeAt = monotonic }
        rowsSince = isWhole ? 0 : (since ?? 0) + 1
        last = monotonic
        written.rows += 1
        written.bytes += UInt64(body.count)
    }

    /// Leaves one file that needs nothing beside it.
    consuming func finish() {
        insert.reset()
        try? database.run("PRAGMA journal_mode = DELETE")
    }
}

/// Why a row was not written.
enum SegmentError: Error {
    case database(SQLiteError)
    case unwritable(String)
}
