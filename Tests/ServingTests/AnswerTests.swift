import CZlib
import Glibc
import Synchronization
import Testing

@testable import Serving

@Suite(.serialized) struct AnswerTests {
    @Test func answersEachPathWithItsContent() throws {
        let server = try TestServer()
        for (target, content, start) in [
            ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "stoker_thread"),
            ("/report", "application/json; charset=utf-8", "{\"schema\""),
            ("/report?format=text", "text/plain; charset=utf-8", "healthy"),
            ("/report?a=b&format=json", "application/json; charset=utf-8", "{"),
            ("/healthz", "text/plain; charset=utf-8", "healthy"),
            ("/readyz?verbose", "text/plain; charset=utf-8", "ready"),
            ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ] {
            let reply = try server.get(target)
            #expect(reply.status == 200, "\(target)")
            #expect(reply.headers["content-type"] == content, "\(target)")
            #expect(reply.text.hasPrefix(start), "\(target)")
            #expect(reply.headers["cache-control"] == "no-store")
            #expect(reply.headers["x-content-type-options"] == "nosniff")
            #expect(reply.headers["date"]?.hasSuffix(" GMT") == true)
            #expect((reply.headers["content-security-policy"] != nil) == (target == "/"))
        }
        let counters = server.server.counters
        #expect(counters.requests[.init(path: .report, status: 200)] == 3)
        #expect(counters.requests[.init(path: .page, status: 200)] == 1)
        #expect(counters.sentBytes > UInt64(Site.lines.utf8.count))
    }

    @Test func negotiatesByAccept() throws {
        let server = try TestServer()
        let open = try server.get(
            "/metrics", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        #expect(
            open.headers["content-type"]
                == "application/openmetrics-text; version=1.0.0; charset=utf-8")
        #expect(open.text.hasSuffix("# EOF\n"))
        let text = try server.get("/report", "Accept: text/plain")
        #expect(text.text == "healthy\n")
        #expect(try server.get("/report?format=html").status == 400)
        #expect(try server.get("/report?format=").status == 400)
    }

    @Test func headIsGetWithoutTheBody() throws {
        let server = try TestServer()
        let client = try server.client()
        let get = try #require(client.get("/metrics"))
        let head = try #require(client.get("/metrics", method: "HEAD"))
        #expect(head.status == 200)
        #expect(head.headers["content-length"] == get.headers["content-length"])
        #expect(head.headers["content-type"] == get.headers["content-type"])
        // The connection goes on: no byte of a body came between.
        #expect(client.get("/healthz")?.text == "healthy\n")
    }

    @Test func compressesWhatIsWorthIt() throws {
        let server = try TestServer()
        let plain = try server.get("/metrics")
        #expect(plain.headers["content-encoding"] == nil)
        let packed = try server.get("/metrics", "Accept-Encoding: gzip")
        #expect(packed.headers["content-encoding"] == "gzip")
        #expect(packed.body.count < plain.body.count / 4)
        #expect(unpacked(packed.body, room: plain.body.count + 1) == plain.body)
        let small = try server.get("/healthz", "Accept-Encoding: gzip")
        #expect(small.headers["content-encoding"] == nil)
    }

    @Test func answersNothingElse() throws {
        let server = try TestServer()
        for target in [
            "/../etc/passwd", "/%2e%2e/etc/passwd", "/metrics/", "//metrics", "/metrics%00",
            "/Metrics", "/healthz/../metrics", "/.", "/..", "/metrics;a", "/%6detrics", "/other",
        ] {
            #expect(try server.get(target).status == 404, "\(target)")
        }
        for target in ["http://here/metrics", "*", "here:80", "metrics", "?", "../etc/passwd"] {
            let status = try server.status(of: "GET \(target) HTTP/1.1\r\nHost: here\r\n\r\n")
            #expect(status == 400, "\(target)")
        }
        #expect(try server.status(of: "GET /metrics\0 HTTP/1.1\r\nHost: here\r\n\r\n") == 400)
        #expect(try server.status(of: "GET /metrics HTTP/1.1\r\n\r\n") == 400)
        #expect(
            try server.status(of: "GET / HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n") == 400)
        #expect(try server.status(of: "GET / HTTP/2.0\r\nHost: here\r\n\r\n") ?? 0 >= 400)
        #expect(try server.status(of: "GET /healthz HTTP/1.0\r\n\r\n") == 200)
    }

    @Test func takesNoOtherMethod() throws {
        let server = try TestServer()
        for method in ["POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH"] {
            let reply = try server.get("/metrics", "Content-Length: 0", method: method)
            #expect(reply.status == 405, "\(method)")
            #expect(reply.headers["allow"] == "GET, HEAD")
            #expect(reply.headers["connection"] == "close")
        }
        #expect(try server.status(of: "BREW / HTTP/1.1\r\nHost: here\r\n\r\n") == 400)
    }

    @Test func saysWhyItIsNotReady() throws {
        let reason = Mutex<String?>("no probe is attached yet")
        let site = Site.site(unready: { reason.withLock { $0 } })
        let server = try TestServer(site: site)
        let client = try server.client()
        let early = try #require(client.get("/readyz"))
        #expect(early.status == 503)
        #expect(early.text == "no probe is attached yet\n")
        reason.withLock { $0 = nil }
        #expect(client.get("/readyz")?.status == 200)
    }

    @Test func addsTheOperatorsHeaders() throws {
        let server = try TestServer(headers: [
            "Strict-Transport-Security": "max-age=1", "content-security-policy": "default-src x",
        ])
        let page = try server.get("/")
        #expect(page.headers["strict-transport-security"] == "max-age=1")
        #expect(page.headers["content-security-policy"] == "default-src x")
        try server.server.replace(users: [:], headers: ["X-Frame-Options": "deny"], rate: nil)
        let next = try server.get("/missing")
        #expect(next.headers["x-frame-options"] == "deny")
        #expect(next.headers["strict-transport-security"] == nil)
    }

    @Test(arguments: [
        ("", "x"), ("A B", "x"), ("A:", "x"), ("Ä", "x"), ("A\r\nB", "x"), ("A", "x\r\nB: y"),
        ("A", "\0"), ("Content-Length", "5"), ("connection", "close"), ("Content-Type", "x"),
    ])
    func refusesHeadersThatWouldBreakAnswers(name: String, value: String) {
        #expect(throws: ServingError.header(name)) {
            try Server(site: .small, headers: [name: value])
        }
    }

    @Test func dates() {
        #expect(httpDate(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(httpDate(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(httpDate(.max) == "Thu, 01 Jan 1970 00:00:00 GMT")
    }
}

/// What zlib makes of a gzip frame.
private func unpacked(_ bytes: [UInt8], room: Int) -> [UInt8]? {
    var stream = z_stream()
    let size = CInt(MemoryLayout<z_stream>.size)
    guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, size) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: room)
    let status = input.withUnsafeMutableBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.next_in = input.baseAddress
            stream.avail_in = uInt(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = uInt(output.count)
            return inflate(&stream, Z_FINISH)
        }
    }
    return status == Z_STREAM_END ? Array(output.prefix(Int(stream.total_out))) : nil
}
