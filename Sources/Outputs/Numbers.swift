/// A share of 0 to 1 as a person reads it: `31 %`, `3.2 %`, `< 0.1 %`.
package func percent(_ share: Double) -> String {
    guard share.isFinite else { return "?" }
    let percent = share * 100
    if percent == 0 { return "0 %" }
    if percent < 0 { return "-" + Outputs.percent(-share) }
    if percent < 0.05 { return "< 0.1 %" }
    // Not quite all is never shown as all.
    if percent >= 99.5 && percent < 100 { return fixed(min(percent, 99.9), 1) + " %" }
    let tenths = (percent * 10).rounded() / 10
    let isWhole = (percent - percent.rounded()).magnitude < 1e-9
    return fixed(percent, tenths >= 10 || isWhole ? 0 : 1) + " %"
}

/// A decimal number with so many digits after the point; `?` for what is not a number.
package func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return "?" }
    let scale = powerOfTen(decimals)
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let sign = value < 0 && scaled > 0 ? "-" : ""
    let units = UInt64(scaled)
    guard decimals > 0 else { return sign + grouped(units) }
    let whole = units / UInt64(scale)
    let rest = String(units % UInt64(scale))
    return sign + grouped(whole) + "." + zeros(decimals - rest.count) + rest
}

/// Three digits that matter, whole numbers in full: `12,345,678`, `12.3`, `0.0123`, `1e-12`.
package func quantity(_ value: Double) -> String {
    guard value.isFinite else { return "?" }
    if value == 0 { return "0" }
    let size = value.magnitude
    if size >= 9e15 || size < 1e-6 { return "\(value)" }
    if size >= 99.95 || value == value.rounded() { return fixed(value, 0) }
    var decimals = 1
    var bound = 9.995
    while size < bound && decimals < 9 {
        decimals += 1
        bound /= 10
    }
    return trimmingZeros(fixed(value, decimals))
}

/// A time: `850 ns`, `1.2 ms`, `3.4 s`, `2 min 5 s`, `3 h 20 min`.
package func duration(nanoseconds: UInt64) -> String {
    if nanoseconds < 1000 { return "\(nanoseconds) ns" }
    let value = Double(nanoseconds)
    for (unit, size) in [("us", 1e3), ("ms", 1e6), ("s", 1e9)] {
        let amount = value / size
        let limit = unit == "s" ? 59.95 : 999.5
        if amount < 9.95 { return fixed(amount, 1) + " " + unit }
        if amount < limit {
            return trimmingZeros(fixed(amount, unit == "s" ? 1 : 0)) + " " + unit
        }
    }
    let seconds = UInt64((value / 1e9).rounded())
    if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
    return "\(grouped(seconds / 3600)) h \(seconds % 3600 / 60) min"
}

/// An amount of memory in binary units: `512 B`, `1.5 GiB`.
package func bytes(_ count: UInt64) -> String {
    if count < 1024 { return "\(count) B" }
    var amount = Double(count)
    for unit in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        amount /= 1024
        if amount < 9.95 { return fixed(amount, 1) + " " + unit }
        if amount < 1023.5 || unit == "EiB" { return fixed(amount, 0) + " " + unit }
    }
    return "\(count) B"
}

/// A whole number with a comma after every three digits.
package func grouped(_ count: UInt64) -> String {
    let digits = Array(String(count))
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return text
}

/// `1 thread`, `3 threads`.
package func counted(_ count: Int, _ noun: String) -> String {
    let ending = count == 1 ? "" : noun.hasSuffix("s") ? "es" : "s"
    return "\(grouped(UInt64(count.magnitude))) \(noun)\(ending)"
}

/// A number of an evidence row with its unit, shares and times in their own forms.
package func measure(_ value: Double, unit: String) -> String {
    guard value.isFinite else { return "?" }
    let isCountable = value >= 0 && value < 9e15
    switch unit {
    case "share", "ratio": return percent(value)
    case "%", "percent": return percent(value / 100)
    case _ where !isCountable: break
    case "ns": return duration(nanoseconds: UInt64(value))
    case "us": return duration(nanoseconds: UInt64(min(value, 9e15) * 1e3))
    case "bytes", "B": return bytes(UInt64(value))
    default: break
    }
    return unit.isEmpty ? quantity(value) : quantity(value) + " " + unit
}

private func powerOfTen(_ exponent: Int) -> Double {
    (0..<max(exponent, 0)).reduce(1) { power, _ in power * 10 }
}

private func zeros(_ count: Int) -> String { String(repeating: "0", count: max(count, 0)) }

private func trimmingZeros(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var rest = Substring(text)
    while rest.hasSuffix("0") { rest.removeLast() }
    if rest.hasSuffix(".") { rest.removeLast() }
    return String(rest)
}
