import Glibc
import Serving
import Testing

/// A server on a free port of the loopback address that stops at the end of the test.
final class TestServer {
    let server: Server
    let port: Int

    init(
        site: Site = .small, users: [String: String] = [:], headers: [String: String] = [:],
        rate: RateLimit? = nil, _ change: (inout ServerLimits) -> Void = { _ in }
    ) throws {
        var limits = ServerLimits()
        change(&limits)
        server = try Server(site: site, users: users, headers: headers, rate: rate, limits: limits)
        let open = try server.start([.address(try #require(ListenAddress("127.0.0.1:0")))])
        port = try #require(open.first?.port)
    }

    deinit { server.stop() }

    func client(receiveBuffer: CInt? = nil) throws -> Client {
        try Client(port: port, receiveBuffer: receiveBuffer)
    }

    /// One request on a connection of its own.
    func get(_ target: String, _ fields: String..., method: String = "GET") throws -> Reply {
        let lines = ["\(method) \(target) HTTP/1.1", "Host: here"] + fields + ["", ""]
        let client = try client()
        client.send(lines.joined(separator: "\r\n"))
        return try #require(client.reply(isBodiless: method == "HEAD"))
    }

    func status(of request: String) throws -> Int? {
        let client = try client()
        client.send(request)
        return client.reply()?.status
    }
}

extension Site {
    static let small = site()

    /// As much text as a host of 600 series sends.
    static let lines = (0..<600).map { "stoker_thread_seconds_total{thread=\"\($0)\"} \($0).5\n" }
        .joined()

    static func site(
        metrics: String = Site.lines, unready: @escaping @Sendable () -> String? = { nil }
    ) -> Site {
        Site(
            metrics: { $0 == .openMetrics ? metrics + "# EOF\n" : metrics },
            report: { $0 == .json ? "{\"schema\": \"stoker.report/1\"}\n" : "healthy\n" },
            page: { "<!doctype html><title>Stoker</title>\n" },
            unready: unready,
            unhealthy: { nil })
    }
}

/// Asks again until `condition` holds or five seconds are over.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<500 {
        if condition() { return true }
        usleep(10_000)
    }
    return condition()
}

func seconds(_ work: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try work()
    return (ContinuousClock.now - start) / .seconds(1)
}
