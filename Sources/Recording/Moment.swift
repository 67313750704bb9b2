import Glibc

/// A moment as people write it.
package enum Moment {
    /// Seconds since 1970 of
    /// - `2026-11-23T02:10:00Z`: in UTC;
    /// - `2026-11-23 02:10`, with or without seconds, or the day alone: in local time;
    /// - `02:10`: the last time that it was so late here;
    /// - `-2h`, `30m`: so long ago (`s`, `m`, `h`, `d`).
    /// `nil` for anything else. `now`: seconds since 1970.
    package static func seconds(parsing text: String, now: Double) -> Double? {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else { return nil }
        return ago(text).map { now - $0 } ?? date(text) ?? clock(text, now)
    }

    private static let units: [(name: Character, seconds: Double)] = [
        ("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400),
    ]

    private static func ago(_ text: String) -> Double? {
        guard let unit = units.first(where: { $0.name == text.last }) else { return nil }
        let digits = text.dropLast().drop { $0 == "-" }
        guard text.dropLast().count - digits.count <= 1, let count = number(digits, most: 9) else {
            return nil
        }
        return Double(count) * unit.seconds
    }

    private static func date(_ text: String) -> Double? {
        let isUTC = text.last == "Z"
        let parts = (isUTC ? text.dropLast() : text[...]).split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == "T" || $0 == " " })
        let day = parts.first?.split(separator: "-", omittingEmptySubsequences: false) ?? []
        guard parts.count <= 2, !isUTC || parts.count == 2, day.count == 3,
            let year = number(day[0], most: 4), year >= 1970,
            let month = number(day[1], most: 2), (1...12).contains(month),
            let date = number(day[2], most: 2), (1...31).contains(date)
        else { return nil }
        let time = parts.count == 2 ? timeOfDay(parts[1]) : (0, 0, 0)
        guard let time else { return nil }
        var fields = tm()
        (fields.tm_year, fields.tm_mon, fields.tm_mday) = (year - 1900, month - 1, date)
        (fields.tm_hour, fields.tm_min, fields.tm_sec) = time
        fields.tm_isdst = -1
        let seconds = isUTC ? timegm(&fields) : mktime(&fields)
        // The 31st of a month that has 30 days is taken for the next day.
        guard seconds != -1, fields.tm_mday == date || !isUTC, fields.tm_mon == month - 1 else {
            return nil
        }
        return Double(seconds)
    }

    private static func clock(_ text: String, _ now: Double) -> Double? {
        guard let time = timeOfDay(text[...]), now.isFinite, abs(now) < 1e11 else { return nil }
        var today = time_t(now)
        var fields = tm()
        localtime_r(&today, &fields)
        for day in 0...1 {
            var candidate = fields
            candidate.tm_mday -= Int32(day)
            (candidate.tm_hour, candidate.tm_min, candidate.tm_sec) = time
            candidate.tm_isdst = -1
            let seconds = Double(mktime(&candidate))
            if seconds <= now { return seconds }
        }
        return nil
    }

    private static func timeOfDay(_ text: Substring) -> (Int32, Int32, Int32)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let hour = number(parts[0], most: 2), hour < 24,
            let minute = number(parts[1], most: 2), minute < 60
        else { return nil }
        guard parts.count == 3 else { return (hour, minute, 0) }
        guard let second = number(parts[2], most: 2), second < 60 else { return nil }
        return (hour, minute, second)
    }

    private static func number(_ digits: Substring, most count: Int) -> Int32? {
        guard (1...count).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Int32(digits)
    }
}
