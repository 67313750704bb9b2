import Glibc
import Outputs

/// How urgent a line is. The numbers are syslog's, which the journal takes as a prefix.
package enum Urgency: Int, Comparable, Sendable {
    case error = 3
    case warning = 4
    case info = 6
    case debug = 7

    package static func < (a: Urgency, b: Urgency) -> Bool { a.rawValue < b.rawValue }

    var word: String {
        switch self {
        case .error: "error"
        case .warning: "warning"
        case .info: "info"
        case .debug: "debug"
        }
    }
}

/// How a line is put together.
package struct LogStyle: Equatable, Sendable {
    package var isJSON: Bool
    /// The journal has the time already, and wants to be told how urgent a line is.
    package var isJournal: Bool

    package init(isJSON: Bool, isJournal: Bool) {
        self.isJSON = isJSON
        self.isJournal = isJournal
    }

    /// One line with its end. `time`: seconds since 1970.
    package func line(
        _ urgency: Urgency, _ message: String, _ facts: [(String, String)] = [], time: Double
    ) -> String {
        let prefix = isJournal ? "<\(urgency.rawValue)>" : ""
        let clock = utcTime(time) + "Z"
        guard !isJSON else {
            let members =
                [("time", JSON.string(clock)), ("level", .string(urgency.word))]
                + [("message", .string(message))] + facts.map { ($0.0, .string($0.1)) }
            return prefix + JSON.object(members).compact + "\n"
        }
        let start = isJournal ? "" : "\(clock) \(urgency.word) "
        let rest = facts.map { " \(terminalSafe($0.0))=\(Self.word($0.1))" }.joined()
        return prefix + start + terminalSafe(message) + rest + "\n"
    }

    /// Quoted when it holds what would end it.
    private static func word(_ text: String) -> String {
        let isPlain = !text.isEmpty && !text.contains { " \"=".contains($0) }
        return isPlain ? terminalSafe(text) : "\"\(jsonEscaped(text))\""
    }
}

/// Lines about what the daemon does, on stderr. The same message again and again is held back and
/// counted. A value: its owner hands it on.
package struct Log: Sendable {
    package var least: Urgency
    package var style: LogStyle
    private var repeats: Repeats

    package init(least: Urgency, style: LogStyle) {
        self.least = least
        self.style = style
        repeats = Repeats()
    }

    package mutating func write(
        _ urgency: Urgency, _ message: String, _ facts: [(String, String)] = []
    ) {
        let text = lines(
            urgency, message, facts, time: clock(CLOCK_REALTIME), monotonic: clock(CLOCK_MONOTONIC))
        let bytes = Array(text.utf8)
        // A log that nobody reads must not stop the daemon: what does not go is lost.
        if !bytes.isEmpty { _ = Glibc.write(STDERR_FILENO, bytes, bytes.count) }
    }

    /// What is to be written now: nothing, the line, or the line with what was held back before it.
    mutating func lines(
        _ urgency: Urgency, _ message: String, _ facts: [(String, String)], time: Double,
        monotonic: Double
    ) -> String {
        guard urgency <= least else { return "" }
        guard let heldBack = repeats.admit(message, at: monotonic) else { return "" }
        let count = heldBack > 0 ? [("repeated", "\(heldBack)")] : []
        return style.line(urgency, message, facts + count, time: time)
    }

    private func clock(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Lets a message through a few times, and then once in a while with the number held back.
struct Repeats: Sendable {
    private struct Entry {
        var since: Double
        var count: Int
    }

    private var entries: [String: Entry] = [:]

    /// Messages that are kept in mind.
    var count: Int { entries.count }

    /// Times in a period before a message is held back. Judgement, as the two below.
    static let burst = 5
    /// s
    static let period = 60.0
    /// Different messages that are kept in mind.
    static let most = 200

    /// How many were held back since the last one; `nil`: hold this one back too.
    mutating func admit(_ message: String, at time: Double) -> Int? {
        guard var entry = entries[message] else {
            if entries.count >= Self.most { forget(at: time) }
            entries[message] = Entry(since: time, count: 1)
            return 0
        }
        if time - entry.since >= Self.period {
            let heldBack = max(0, entry.count - Self.burst)
            entries[message] = Entry(since: time, count: 1)
            return heldBack
        }
        entry.count += 1
        entries[message] = entry
        return entry.count > Self.burst ? nil : 0
    }

    /// Those of earlier periods; all of them when there are too many of this one.
    private mutating func forget(at time: Double) {
        entries = entries.filter { time - $0.value.since < Self.period }
        if entries.count >= Self.most { entries = [:] }
    }
}
