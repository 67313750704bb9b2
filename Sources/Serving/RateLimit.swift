/// How many requests are answered, from all clients together: the `rate_limit` of Prometheus'
/// exporter-toolkit.
package struct RateLimit: Equatable, Sendable {
    /// ns between two requests in the long run
    package var interval: UInt64
    /// Requests at once.
    package var burst: Int

    package init(interval: UInt64, burst: Int) {
        self.interval = interval
        self.burst = burst
    }
}

/// Counts requests against a limit that may be replaced at any moment.
struct RequestGate {
    private var limit: RateLimit?
    /// When the requests that were answered would have come at the limit's pace, ns.
    private var paced: UInt64 = 0

    /// Seconds until a request is welcome; zero when this one is, which is then counted.
    mutating func wait(_ current: RateLimit?, now: UInt64) -> Double {
        if current != limit { (limit, paced) = (current, 0) }
        guard let current else { return 0 }
        paced = max(paced, now)
        let (ahead, allowed) = (
            Double(paced - now), Double(current.interval) * Double(current.burst - 1)
        )
        guard ahead <= allowed else { return (ahead - allowed) / 1e9 }
        paced &+= current.interval
        return 0
    }
}
