import CSQLite

/// What SQLite refused, in its words.
struct SQLiteError: Error, Equatable {
    /// The extended result code.
    var code: CInt
    var message: String

    /// The plain result code: `SQLITE_FULL` …
    var kind: CInt { code & 0xff }
}

/// An open database file.
struct Database: ~Copyable {
    enum Access { case read, readImmutable, write }

    fileprivate let handle: OpaquePointer

    /// A value of a row, or a whole row, is never larger. Judgement.
    private static let mostBytes: CInt = 32 << 20
    /// Another process may be about to finish what it writes.
    private static let patienceMilliseconds: CInt = 2_000

    /// Opens the file, which must be there and no symbolic link.
    init(_ path: String, _ access: Access) throws(SQLiteError) {
        var opened: OpaquePointer?
        let flags =
            (access == .write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY)
            | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE
            | SQLITE_OPEN_URI
        let name = "file:" + escaped(path) + (access == .readImmutable ? "?immutable=1" : "")
        let status = sqlite3_open_v2(name, &opened, flags, nil)
        guard let handle = opened else {
            throw SQLiteError(code: SQLITE_NOMEM, message: "out of memory")
        }
        guard status == SQLITE_OK else {
            let error = SQLiteError(code: status, message: String(cString: sqlite3_errmsg(handle)))
            sqlite3_close_v2(handle)
            throw error
        }
        sqlite3_busy_timeout(handle, Self.patienceMilliseconds)
        sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, Self.mostBytes)
        _ = stoker_sqlite_defend(handle)
        self.handle = handle
    }

    deinit { sqlite3_close_v2(handle) }

    /// Runs statements that answer nothing of interest.
    func run(_ sql: String) throws(SQLiteError) {
        let status = sqlite3_exec(handle, sql, nil, nil, nil)
        guard status == SQLITE_OK else { throw error(status) }
    }

    func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        var prepared: OpaquePointer?
        let status = sqlite3_prepare_v2(handle, sql, -1, &prepared, nil)
        guard status == SQLITE_OK, let prepared else { throw error(status) }
        return Statement(prepared)
    }

    /// The number that a statement answers; 0 where it answers nothing.
    func number(_ sql: String) throws(SQLiteError) -> Int64 {
        let statement = try prepare(sql)
        return try statement.step() ? statement.number(0) : 0
    }

    /// The texts that a statement answers, one in each row.
    func texts(_ sql: String) throws(SQLiteError) -> [String] {
        let statement = try prepare(sql)
        var texts: [String] = []
        while try statement.step() { texts.append(statement.text(0)) }
        return texts
    }

    private func error(_ status: CInt) -> SQLiteError {
        SQLiteError(code: status, message: String(cString: sqlite3_errmsg(handle)))
    }
}

/// A prepared statement. It must not outlive its database: SQLite keeps that open until then.
struct Statement: ~Copyable {
    private let handle: OpaquePointer

    fileprivate init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { sqlite3_finalize(handle) }

    func bind(_ index: CInt, _ number: Int64) { sqlite3_bind_int64(handle, index, number) }
    func bind(_ index: CInt, _ number: Double) { sqlite3_bind_double(handle, index, number) }
    func bind(_ index: CInt, _ text: String) {
        sqlite3_bind_text(handle, index, text, -1, stoker_sqlite_transient())
    }
    func bind(_ index: CInt, _ bytes: [UInt8]) {
        sqlite3_bind_blob(handle, index, bytes, CInt(bytes.count), stoker_sqlite_transient())
    }

    /// Whether there is a (further) row.
    func step() throws(SQLiteError) -> Bool {
        let status = sqlite3_step(handle)
        if status == SQLITE_ROW { return true }
        guard status == SQLITE_DONE else {
            let message = String(cString: sqlite3_errmsg(sqlite3_db_handle(handle)))
            throw SQLiteError(code: status, message: message)
        }
        return false
    }

    /// Makes ready for the next use.
    func reset() { sqlite3_reset(handle) }

    func number(_ column: CInt) -> Int64 { sqlite3_column_int64(handle, column) }
    func double(_ column: CInt) -> Double { sqlite3_column_double(handle, column) }
    func isNull(_ column: CInt) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
    func text(_ column: CInt) -> String {
        sqlite3_column_text(handle, column).map { String(cString: $0) } ?? ""
    }
    func bytes(_ column: CInt) -> [UInt8] {
        let start = sqlite3_column_blob(handle, column)
        return Array(
            UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }
}

/// A path as a part of a URI.
private func escaped(_ path: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return path.utf8.reduce(into: "") { text, byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            text.unicodeScalars.append(Unicode.Scalar(byte))
        default: text += "%" + String(digits[Int(byte >> 4)]) + String(digits[Int(byte & 15)])
        }
    }
}
