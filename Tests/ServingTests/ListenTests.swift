import Glibc
import Testing

@testable import Serving

@Suite(.serialized) struct ListenTests {
    @Test(arguments: [
        ("127.0.0.1:19941", "127.0.0.1:19941", false), ("127.3.2.1:1", "127.3.2.1:1", false),
        ("[::1]:80", "[::1]:80", false), ("localhost:0", "127.0.0.1:0", false),
        ("[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", false),
        ("0.0.0.0:80", "0.0.0.0:80", true), ("[::]:80", "[::]:80", true),
        (":9", "[::]:9", true), ("10.1.2.3:65535", "10.1.2.3:65535", true),
        ("[fe80::1]:80", "[fe80::1]:80", true), ("128.0.0.1:80", "128.0.0.1:80", true),
    ])
    func readsAddresses(text: String, written: String, isBeyond: Bool) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.description == written)
        #expect(address.isBeyondLoopback == isBeyond)
    }

    @Test(arguments: [
        "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+80",
        "::1:80", "[::1]", "[127.0.0.1]:80", "here:80", "[::1:80", "127.0.0.1:8 0", "[]:80",
        "127.0.0.1:٣", "300.1.1.1:80", "\0:80", "http://127.0.0.1:80",
    ])
    func refusesOtherAddresses(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test func saysWhenAnAddressIsInUse() throws {
        let first = try TestServer()
        let address = try #require(ListenAddress("127.0.0.1:\(first.port)"))
        let second = try Server(site: .small)
        let error = ServingError.listen(address.description, errno: EADDRINUSE)
        #expect(throws: error) { try second.start([.address(address)]) }
        #expect(error.reason == "cannot listen on \(address): Address already in use")
        #expect(try first.get("/healthz").status == 200)
    }

    @Test func listensOnAllOrNone() throws {
        let first = try TestServer()
        let free = try freePort()
        let second = try Server(site: .small)
        #expect(throws: ServingError.self) {
            try second.start([
                .address(try #require(ListenAddress("127.0.0.1:\(free)"))),
                .address(try #require(ListenAddress("127.0.0.1:\(first.port)"))),
            ])
        }
        #expect(throws: ClientError.self) { try Client(port: free) }
    }

    @Test func startsAgainOnTheSamePort() throws {
        var port = 0
        for _ in 0..<5 {
            let server = try Server(site: .small)
            let open = try server.start([.address(try #require(ListenAddress("127.0.0.1:\(port)")))]
            )
            port = try #require(open.first?.port)
            let client = try Client(port: port)
            #expect(client.get("/healthz")?.status == 200)
            // With its connection still open.
            #expect(seconds { server.stop() } < 1)
            #expect(client.isClosed())
        }
    }

    @Test func stopsAtOnceInTheMiddleOfEverything() throws {
        let site = Site.site(metrics: String(repeating: "a", count: 16 << 20))
        let server = try TestServer(site: site, users: [:])
        let clients = try (0..<100).map { _ in try server.client(receiveBuffer: 4096) }
        for (index, client) in clients.enumerated() {
            client.send(
                ["", "GET /met", "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"][index % 3])
        }
        #expect(eventually { server.server.counters.openConnections == 100 })
        #expect(seconds { server.server.stop() } < 1)
        server.server.stop()
    }

    @Test func takesSocketsThatWereOpenedForIt() throws {
        let descriptor = try listeningSocket()
        let server = try Server(site: .small)
        let open = try server.start([.descriptor(descriptor)])
        defer { server.stop() }
        let port = try #require(open.first?.port)
        #expect(open.first?.isBeyondLoopback == false)
        #expect(open.first?.address == "127.0.0.1:\(port)")
        #expect(try Client(port: port).get("/healthz")?.status == 200)
    }

    @Test func refusesDescriptorsThatDoNotListen() throws {
        let server = try Server(site: .small)
        #expect(throws: ServingError.descriptor(9999, errno: EBADF)) {
            try server.start([.descriptor(9999)])
        }
        let plain = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(plain) }
        let other = try Server(site: .small)
        #expect(throws: ServingError.descriptor(plain, errno: EINVAL)) {
            try other.start([.descriptor(plain)])
        }
    }

    @Test func listensOnIPv6() throws {
        let server = try Server(site: .small)
        defer { server.stop() }
        do {
            let open = try server.start([.address(try #require(ListenAddress("[::1]:0")))])
            #expect(open.first?.isBeyondLoopback == false)
            #expect(open.first?.address.hasPrefix("[::1]:") == true)
        } catch ServingError.listen(_, let code) {
            // A machine without IPv6 says so.
            #expect(code == EADDRNOTAVAIL || code == EAFNOSUPPORT)
        }
    }
}

private func listeningSocket() throws -> CInt {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = loopback(0)
    let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard result == 0, listen(descriptor, 16) == 0 else { throw ClientError(errno: errno) }
    return descriptor
}

/// A port that was free a moment ago.
private func freePort() throws -> Int {
    let server = try Server(site: .small)
    defer { server.stop() }
    let open = try server.start([.address(try #require(ListenAddress("127.0.0.1:0")))])
    return try #require(open.first?.port)
}
