import FoundationEssentials
import Glibc
import Testing

@testable import Serving

@Suite(.serialized) struct FuzzTests {
    /// Requests that are right, to be damaged.
    private static let seeds = [
        "GET /metrics HTTP/1.1\r\nHost: here\r\nAccept-Encoding: gzip\r\n\r\n",
        "GET /report?format=text HTTP/1.1\r\nHost: here\r\nAccept: text/plain;q=0.5, */*\r\n\r\n",
        "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST /healthz HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YW5uOnJpZ2h0IGhvcnNl\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nGET / HTTP/1.1",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /readyz HTTP/1.1\r\nHost: here\r\n\r\nGET /other HTTP/1.1\r\nHost: here\r\n\r\n",
    ].map { Array($0.utf8) }

    private static let parts = [
        "\r\n", "\r\n\r\n", "\n\n", "\0", " ", ":", "%2e%2e/", "Content-Length: -1\r\n", "\r",
        "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: chunked\r\n",
        "ffffffff\r\n",
        "Expect: 100-continue\r\n", "HTTP/9.9", "\u{fffd}", ";q=", ",", "GET ",
        "Connection: close\r\n",
    ].map { Array($0.utf8) }

    /// The same requests in each run that is given the same seed.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = (state ^ state &>> 30) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ word &>> 27) &* 0x94d0_49bb_1331_11eb
            return word ^ word &>> 31
        }
    }

    private func request(_ dice: inout Dice) -> [UInt8] {
        if Int.random(in: 0..<8, using: &dice) == 0 {
            let count = Int.random(in: 0..<2000, using: &dice)
            return (0..<count).map { _ in .random(in: 0...255, using: &dice) }
        }
        var bytes = Self.seeds.randomElement(using: &dice) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &dice) {
            let place = Int.random(in: 0...bytes.count, using: &dice)
            switch Int.random(in: 0..<4, using: &dice) {
            case 0 where place < bytes.count: bytes[place] = .random(in: 0...255, using: &dice)
            case 1 where place < bytes.count: bytes.removeSubrange(place...)
            case 2:
                bytes.insert(contentsOf: Self.parts.randomElement(using: &dice) ?? [], at: place)
            default: bytes.insert(contentsOf: bytes.prefix(place), at: place)
            }
        }
        return bytes
    }

    /// STOKER_FUZZ_REQUESTS: how many; a nightly run takes 100,000.
    @Test(.timeLimit(.minutes(20)))
    func survivesDamagedRequests() throws {
        let wanted = ProcessInfo.processInfo.environment["STOKER_FUZZ_REQUESTS"]
        let count = wanted.flatMap { Int($0) } ?? 4000
        let server = try TestServer { $0.requestSeconds = 1 }
        var dice = Dice(state: 5)
        for index in 0..<count {
            let client = try server.client()
            let bytes = request(&dice)
            if Bool.random(using: &dice), bytes.count > 1 {
                let cut = Int.random(in: 1..<bytes.count, using: &dice)
                client.send(Array(bytes[..<cut]))
                client.send(Array(bytes[cut...]))
            } else {
                client.send(bytes)
            }
            client.closeOutput()
            while let reply = client.reply(isBodiless: isHead(bytes)) {
                #expect(Self.statuses.contains(reply.status))
            }
            if index % 500 == 0 { #expect(try server.get("/metrics").status == 200) }
        }
        #expect(try server.get("/metrics").text == Site.lines)
        #expect(eventually { server.server.counters.openConnections == 0 })
    }

    private func isHead(_ bytes: [UInt8]) -> Bool { bytes.starts(with: Array("HEAD".utf8)) }

    private static let statuses: Set<Int> = [
        200, 400, 404, 405, 408, 413, 414, 431, 503, 505,
    ]
}
