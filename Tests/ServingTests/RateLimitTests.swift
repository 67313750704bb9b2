import Testing

@testable import Serving

@Suite struct RateLimitTests {
    private let limit = RateLimit(interval: 100_000_000, burst: 3)

    @Test func aBurstIsAnsweredAndThenOneInAnInterval() {
        var gate = RequestGate()
        var now: UInt64 = 5_000_000_000
        for _ in 0..<3 { #expect(gate.wait(limit, now: now) == 0) }
        var answered = 0
        for _ in 0..<1000 {
            now += 10_000_000
            if gate.wait(limit, now: now) == 0 { answered += 1 }
        }
        #expect((98...102).contains(answered), "10 s of one in 100 ms")
    }

    @Test func noLimitIsNone() {
        var gate = RequestGate()
        for _ in 0..<1000 { #expect(gate.wait(nil, now: 1) == 0) }
    }

    @Test func tellsClientsWhenToComeAgain() throws {
        let server = try TestServer(rate: RateLimit(interval: 3_600_000_000_000, burst: 2))
        #expect(try server.get("/healthz").status == 200)
        #expect(try server.get("/healthz").status == 200)
        let refused = try server.get("/metrics")
        #expect(refused.status == 429)
        #expect(refused.headers["retry-after"].flatMap { Int($0) }.map { $0 >= 0 } == true)
        try server.server.replace(users: [:], headers: [:], rate: nil)
        #expect(try server.get("/metrics").status == 200)
    }
}
