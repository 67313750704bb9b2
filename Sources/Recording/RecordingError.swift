/// Why there is no recording, or none to be read.
package enum RecordingError: Error, Equatable, Sendable {
    /// A file or folder cannot be used; the reason in the system's words or ours.
    case file(path: String, reason: String)
    case notARecording(path: String)
    /// Written in another format than this version reads.
    case format(path: String, found: Int64)
    /// SQLite's words.
    case database(path: String, reason: String)
    /// Another process records into the folder; `nil`: it does not say which.
    case locked(path: String, pid: Int32?)
    /// Rows cannot be read.
    case damaged(path: String, reason: String)
    /// It would take more memory than a look may.
    case tooLarge(path: String)
    /// There are fewer than two moments in it.
    case empty(path: String)
    /// Nothing was recorded in the time asked for.
    case outOfRange(path: String, from: Double, to: Double)
    /// It is long: a part has to be chosen.
    case tooLong(path: String, from: Double, to: Double)
}

extension RecordingError {
    /// What is wrong, without the name of the file.
    package var reason: String {
        switch self {
        case .file(_, let reason), .database(_, let reason), .damaged(_, let reason): reason
        case .locked(_, let pid):
            "another recorder uses it, " + (pid.map { "process \($0)" } ?? "nobody knows which")
        case .notARecording: "it is not a recording"
        case .format(_, let found):
            "it is written in format \(found), and this version reads \(Segment.format)"
        case .tooLarge: "it takes more memory than a look may: choose a shorter part"
        case .empty: "there is nothing in it"
        case .outOfRange: "nothing was recorded then"
        case .tooLong: "it is too long to be looked at as one"
        }
    }
}
