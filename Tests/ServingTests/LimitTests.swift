import Glibc
import Testing

@testable import Serving

@Suite(.serialized) struct LimitTests {
    private func request(fields: Int, bytes: Int) -> String {
        let field = String(repeating: "a", count: bytes)
        let lines = (0..<fields).map { "X-\($0): \(field)\r\n" }.joined()
        return "GET /healthz HTTP/1.1\r\nHost: here\r\n\(lines)\r\n"
    }

    @Test func limitsTheHeader() throws {
        let server = try TestServer()
        #expect(try server.status(of: request(fields: 1, bytes: 8180)) == 200)
        #expect(try server.status(of: request(fields: 1, bytes: 8193)) == 431)
        #expect(try server.status(of: request(fields: 1, bytes: 1 << 20)) == 431)
        #expect(try server.status(of: request(fields: 2, bytes: 7900)) == 200)
        #expect(try server.status(of: request(fields: 3, bytes: 7900)) == 431)
        // The host is one of the 64.
        #expect(try server.status(of: request(fields: 63, bytes: 3)) == 200)
        #expect(try server.status(of: request(fields: 64, bytes: 3)) == 431)
    }

    @Test func limitsBlanksThatAreNoPartOfAField() throws {
        let server = try TestServer()
        let blanks = String(repeating: " ", count: 40 << 10)
        let request = "GET /healthz HTTP/1.1\r\nHost: here\r\nX:\(blanks)a\r\n\r\n"
        #expect(try server.status(of: request) == 431)
    }

    @Test func limitsTheTarget() throws {
        let server = try TestServer()
        func status(_ bytes: Int) throws -> Int? {
            let target = "/healthz?" + String(repeating: "a", count: bytes - 9)
            return try server.status(of: "GET \(target) HTTP/1.1\r\nHost: here\r\n\r\n")
        }
        #expect(try status(4096) == 200)
        #expect(try status(4097) == 414)
        #expect(try status(9000) == 414)
        #expect(try status(100_000) == 414)
    }

    @Test func forgetsBodiesUpToALimit() throws {
        let server = try TestServer()
        func status(_ bytes: Int) throws -> Int? {
            let body = String(repeating: "a", count: bytes)
            return try server.status(
                of: "GET /healthz HTTP/1.1\r\nHost: here\r\nContent-Length: \(bytes)\r\n\r\n\(body)"
            )
        }
        #expect(try status(60_000) == 200)
        #expect(try status(200_000) == 413)
        let chunks = String(repeating: "1\r\na\r\n", count: 30_000)
        #expect(
            try server.status(
                of: "GET / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)")
                == 413)
    }

    @Test func closesWhoDoesNotFinishARequest() throws {
        let server = try TestServer { $0.requestSeconds = 0.4 }
        let silent = try server.client()
        let half = try server.client()
        half.send("GET /metrics HT")
        let dripping = try server.client()
        let request = Array("GET /metrics?\(String(repeating: "a", count: 400))".utf8)
        var sent = 0
        let time = seconds {
            // Each byte comes well within the time, the request does not.
            while sent < request.count, dripping.send([request[sent]]) {
                sent += 1
                usleep(50_000)
            }
        }
        #expect(time > 0.4 && sent < request.count)
        #expect(half.reply()?.status == 408)
        #expect(half.isClosed())
        #expect(dripping.isClosed())
        #expect(silent.isClosed())
        #expect(eventually { server.server.counters.openConnections == 0 })
        #expect(server.server.counters.droppedConnections == 3)
    }

    @Test func closesAfterHalfOfAPipelinedRequest() throws {
        let server = try TestServer { $0.requestSeconds = 0.4 }
        let client = try server.client()
        client.send("GET /healthz HTTP/1.1\r\nHost: here\r\n\r\nGET /rea")
        #expect(client.reply()?.status == 200)
        #expect(client.reply()?.status == 408)
        #expect(client.isClosed())
    }

    @Test func closesIdleConnections() throws {
        let server = try TestServer { $0.idleSeconds = 0.3 }
        let client = try server.client()
        #expect(client.get("/healthz")?.status == 200)
        #expect(client.get("/healthz")?.status == 200)
        let time = seconds { #expect(client.isClosed()) }
        #expect(time > 0.1)
        #expect(server.server.counters.droppedConnections == 0)
    }

    @Test func closesWhoDoesNotReadTheAnswer() throws {
        let site = Site.site(metrics: String(repeating: "a", count: 16 << 20))
        let server = try TestServer(site: site) { $0.responseSeconds = 0.4 }
        let client = try server.client(receiveBuffer: 4096)
        client.send("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
        #expect(eventually { server.server.counters.droppedConnections == 1 })
        #expect(server.server.counters.openConnections == 0)
        #expect(client.reply() == nil)
    }

    @Test func answersScrapesWhileAThousandSendHalfARequest() throws {
        var files = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        files.rlim_cur = files.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        let server = try TestServer { $0.requestSeconds = 2 }
        let scraper = try server.client()
        var halves: [Client] = []
        for index in 0..<1000 {
            let client = try server.client()
            client.send("GET /metrics HTTP/1.1\r\nHost: here\r\nX: ")
            halves.append(client)
            if index % 50 == 0 {
                #expect(try server.get("/metrics").status == 200)
            }
            if index < 100 { #expect(scraper.get("/healthz")?.status == 200) }
            #expect(server.server.counters.openConnections <= 256)
        }
        #expect(server.server.counters.openConnections > 200)
        for client in halves { #expect(client.isClosed()) }
        #expect(eventually { server.server.counters.openConnections == 0 })
    }

    @Test func givesPlacesToThoseWhoCome() throws {
        let server = try TestServer { $0.connections = 3 }
        let clients = try (0..<3).map { _ in try server.client() }
        for client in clients { #expect(client.get("/healthz")?.status == 200) }
        #expect(clients[0].get("/healthz")?.status == 200)
        #expect(try server.get("/healthz").status == 200)
        // The second has been idle for longest.
        #expect(clients[1].isClosed())
        #expect(server.server.counters.droppedConnections == 1)
        #expect(server.server.counters.refusedConnections == 0)
    }

    @Test func answersOneAfterTheOther() throws {
        let server = try TestServer()
        let client = try server.client()
        let one = "GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
        let sender = Sender(client, String(repeating: one, count: 1000))
        for _ in 0..<1000 { #expect(client.reply()?.status == 200) }
        sender.join()
        #expect(server.server.counters.requests[.init(path: .health, status: 200)] == 1000)
    }

    @Test func pilesUpNothingForAThousandAnswersThatNobodyReads() throws {
        let server = try TestServer { $0.responseSeconds = 0.5 }
        let client = try server.client(receiveBuffer: 4096)
        let one = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
        client.send(String(repeating: one, count: 200))
        #expect(eventually { server.server.counters.droppedConnections == 1 })
        // As many as the kernel's buffers take, not all.
        #expect(server.server.counters.requests[.init(path: .metrics, status: 200)] ?? 0 < 50)
    }

    @Test func readsNothingWhileAnAnswerIsOnItsWay() throws {
        let server = try TestServer()
        let client = try Client(port: server.port, receiveBuffer: 4096, patience: 1)
        let field = String(repeating: "a", count: 7000)
        let one = Array("GET /metrics HTTP/1.1\r\nHost: here\r\nX: \(field)\r\n\r\n".utf8)
        var taken = 0
        // What the kernel's buffers hold on the way is much less.
        while taken < 2500, client.send(one) { taken += 1 }
        #expect(taken < 1500)
    }

    @Test func takesBackNoAnswerFromThoseWhoSendTooMuch() throws {
        let server = try TestServer()
        let client = try server.client()
        client.send(request(fields: 20, bytes: 5000))
        #expect(client.reply()?.status == 431)
        #expect(client.isClosedInOrder())
    }

    @Test func makesRoomForThoseWhoRead() throws {
        let site = Site.site(metrics: String(repeating: "a", count: 4 << 20))
        let server = try TestServer(site: site) {
            ($0.responses, $0.promptSeconds) = (2, 0.2)
        }
        let slow = try (0..<2).map { _ in try server.client(receiveBuffer: 4096) }
        for client in slow { client.send("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n") }
        let metrics = ServerCounters.Kind(path: .metrics, status: 200)
        #expect(eventually { server.server.counters.requests[metrics] == 2 })
        let early = try server.get("/metrics")
        // Within 0.2 s the slow ones are given their time; a late machine makes room at once.
        #expect(early.status == 503 || server.server.counters.droppedConnections == 1)
        usleep(300_000)
        #expect(try server.get("/metrics").body.count == 4 << 20)
    }

    @Test func answersFortyAtOnce() throws {
        let server = try TestServer()
        let clients = try (0..<40).map { _ in try server.client() }
        for _ in 0..<5 {
            for client in clients { client.send("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n") }
            for client in clients {
                let reply = try #require(client.reply())
                #expect(reply.status == 200)
                #expect(reply.text == Site.lines)
            }
        }
        #expect(server.server.counters.openConnections == 40)
    }

    @Test func answersAClientThatIsDoneSending() throws {
        let server = try TestServer()
        let client = try server.client()
        client.send("GET /metrics HTTP/1.0\r\n\r\n")
        client.closeOutput()
        #expect(client.reply()?.text == Site.lines)
        #expect(client.isClosed())
    }

    @Test func keepsOldConnectionsOnlyWhenAsked() throws {
        let server = try TestServer()
        let client = try server.client()
        client.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(client.reply()?.headers["connection"] == "keep-alive")
        client.send("GET /healthz HTTP/1.0\r\n\r\n")
        #expect(client.reply()?.headers["connection"] == "close")
        #expect(client.isClosed())
    }
}
