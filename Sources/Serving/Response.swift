import Glibc
import NIOHTTP1

/// What is sent back, before it is compressed.
struct Response {
    enum Content: String {
        case text = "text/plain; charset=utf-8"
        case exposition = "text/plain; version=0.0.4; charset=utf-8"
        case openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        case json = "application/json; charset=utf-8"
        case html = "text/html; charset=utf-8"
    }

    var path: Site.Path
    var status: HTTPResponseStatus
    var content = Content.text
    var body: String
    var header: (name: String, value: String)?
    /// The client may not ask again on this connection.
    var isLast = false

    static func refusal(
        _ status: HTTPResponseStatus, _ path: Site.Path = .other, isLast: Bool = false
    ) -> Response {
        Response(
            path: path, status: status, body: "\(status.code) \(status.reasonPhrase)\n",
            isLast: isLast)
    }

    /// Nothing but what stands in the page itself, and no scripts at all.
    private static let policy =
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'"

    /// All header fields but the length; the operator's replace ours.
    func headers(_ operators: [(name: String, value: String)], time: time_t) -> HTTPHeaders {
        var headers: HTTPHeaders = [
            "Date": httpDate(time),
            "Content-Type": content.rawValue,
            "Cache-Control": "no-store",
            "Vary": "Accept, Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        ]
        if content == .html {
            headers.add(name: "Content-Security-Policy", value: Self.policy)
            headers.add(name: "Referrer-Policy", value: "no-referrer")
        }
        if let header { headers.add(name: header.name, value: header.value) }
        for header in operators { headers.replaceOrAdd(name: header.name, value: header.value) }
        return headers
    }
}

/// Such as `Sun, 06 Nov 1994 08:49:37 GMT`, whatever the locale.
func httpDate(_ time: time_t) -> String {
    var time = time
    var parts = tm()
    guard gmtime_r(&time, &parts) != nil else { return "Thu, 01 Jan 1970 00:00:00 GMT" }
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    func two(_ number: CInt) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let day = "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
    let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    return "\(day) \(Int(parts.tm_year) + 1900) \(clock) GMT"
}
