/// `2026-01-01T00:00:00` of seconds since 1970, with another sign than T on demand. No zone sign.
package func utcTime(_ seconds: Double, dividedBy divider: String = "T") -> String {
    // Years 1970 to 9999; what is outside can only be a mistake of whoever calls.
    let whole = seconds.isFinite ? Int(min(max(seconds, 0), 253_402_300_799)) : 0
    let date = civil(whole / 86_400)
    let clock = whole % 86_400
    let day = [two(date.month), two(date.day)].joined(separator: "-")
    let time = [clock / 3600, clock / 60 % 60, clock % 60].map(two).joined(separator: ":")
    return "\(date.year)-\(day)\(divider)\(time)"
}

/// Days since 1970 as a date: Howard Hinnant's civil_from_days, for days from 1970 on.
private func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
}

private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
