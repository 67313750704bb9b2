import Glibc
import Host

/// The format of a recording: one SQLite file that stands alone.
enum Segment {
    /// "STOK", as `file` shows it.
    static let application: Int64 = 0x5354_4f4b
    /// To be raised whenever a recorded type changes: rows name no fields. A test tells.
    static let format: Int64 = 3

    /// As SQLite keeps them: a file with any other tables is somebody else's.
    static let schema = [
        "CREATE TABLE recording (host TEXT NOT NULL, boot TEXT NOT NULL, run TEXT NOT NULL, "
            + "version TEXT NOT NULL, memory INTEGER)",
        "CREATE TABLE ticks (monotonic INTEGER PRIMARY KEY, wall REAL NOT NULL, "
            + "whole INTEGER NOT NULL, body BLOB NOT NULL)",
        "CREATE INDEX times ON ticks (monotonic, wall, whole)",
    ]

    /// What SQLite keeps beside a file while it is written.
    static let companions = ["-wal", "-shm", "-journal"]

    static func remove(_ path: String) {
        unlink(path)
        for companion in companions { unlink(path + companion) }
    }

    /// The same path without symbolic links in its folder, as SQLite wants it.
    static func resolved(_ path: String) throws(RecordingError) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let name = parts.last.map(String.init) ?? ""
        let folder =
            path.hasPrefix("/") && parts.count == 2
            ? "/"
            : parts.dropLast()
                .joined(separator: "/")
        guard !name.isEmpty, name != ".", name != ".." else {
            throw .file(path: path, reason: String(cString: strerror(EISDIR)))
        }
        guard let real = realpath(folder.isEmpty ? "." : folder, nil) else {
            throw .file(path: path, reason: String(cString: strerror(errno)))
        }
        defer { free(real) }
        let whole = String(cString: real)
        return whole == "/" ? "/" + name : "\(whole)/\(name)"
    }
}
