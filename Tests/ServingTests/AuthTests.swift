import FoundationEssentials
import Testing

@testable import Serving

/// bcrypt of "right horse", as htpasswd and Python's crypt make it, at the lowest cost and at ten.
private let cheap = "$2b$04$abcdefghijklmnopqrstuuLK4yYxcGJwQr33yKnQTmKjI1WQSUD2K"
private let usual = "$2y$10$abcdefghijklmnopqrstuuD7glF7JkEDexTpZG9m5tiAZ7VOyjUiO"

private func basic(_ user: String, _ password: String) -> String {
    "Authorization: Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
}

@Suite(.serialized) struct AuthTests {
    @Test func letsInWhoKnowsThePassword() throws {
        let server = try TestServer(users: ["ann": cheap])
        let right = basic("ann", "right horse")
        for target in ["/metrics", "/report", "/healthz", "/readyz", "/", "/other"] {
            let refused = try server.get(target)
            #expect(refused.status == 401)
            #expect(refused.headers["www-authenticate"]?.hasPrefix("Basic realm=") == true)
            #expect(try server.get(target, right).status == (target == "/other" ? 404 : 200))
        }
        // One password, one bcrypt.
        #expect(server.server.counters.passwordChecks == 1)
        #expect(try server.get("/", "authorization: bAsIc " + right.dropFirst(21)).status == 200)
    }

    @Test func letsInNobodyElse() throws {
        let server = try TestServer(users: ["ann": cheap, "": cheap]) {
            $0.passwordBurstSeconds = 10
        }
        for field in [
            basic("ann", "right hors"), basic("ann", ""), basic("Ann", "right horse"),
            basic("bob", "right horse"), basic("ann", "right horse\0"),
            basic("ann", "right horse\0more"), basic("ann", String(repeating: "x", count: 3000)),
            "Authorization: Bearer abc", "Authorization: Basic", "Authorization: Basic !!!",
            "Authorization: Basic YW5u", "Authorization: \(cheap)",
            basic("ann", "right horse") + "\r\n" + basic("ann", "right horse"),
        ] {
            #expect(try server.get("/metrics", field).status == 401, "\(field)")
        }
        #expect(try server.get("/metrics", basic("", "right horse")).status == 200)
    }

    @Test func reloadsPasswords() throws {
        let server = try TestServer(users: ["ann": cheap])
        let client = try server.client()
        #expect(client.get("/healthz", basic("ann", "right horse"))?.status == 200)
        try server.server.replace(users: ["bob": cheap], headers: [:], rate: nil)
        #expect(client.get("/healthz", basic("ann", "right horse"))?.status == 401)
        #expect(client.get("/healthz", basic("bob", "right horse"))?.status == 200)
        #expect(throws: ServingError.password(user: "eve")) {
            try server.server.replace(users: ["eve": "secret"], headers: [:], rate: nil)
        }
        #expect(client.get("/healthz", basic("bob", "right horse"))?.status == 200)
        try server.server.replace(users: [:], headers: [:], rate: nil)
        #expect(client.get("/healthz")?.status == 200)
    }

    @Test(arguments: [
        "", "secret", "$1$abc$def", cheap + "x", String(cheap.dropLast()),
        "$2b$15" + cheap.dropFirst(6), "$2b$03" + cheap.dropFirst(6), "$2z$04" + cheap.dropFirst(6),
        "$2b$04$" + String(repeating: "!", count: 53), "$2b$0x" + cheap.dropFirst(6),
    ])
    func refusesOtherHashes(hash: String) {
        #expect(throws: ServingError.password(user: "ann")) {
            try Server(site: .small, users: ["ann": hash])
        }
    }

    @Test func checksOneAtATimeAndAllWithTheSamePasswordAtOnce() throws {
        let server = try TestServer(users: ["ann": usual])
        let clients = try (0..<20).map { _ in try server.client() }
        let request =
            "GET /healthz HTTP/1.1\r\nHost: here\r\n\(basic("ann", "right horse"))\r\n\r\n"
        for client in clients { client.send(request) }
        for client in clients { #expect(client.reply()?.status == 200) }
        #expect(server.server.counters.passwordChecks == 1)
    }

    @Test func answersOthersWhileItChecks() throws {
        let server = try TestServer(users: ["ann": cheap, "bob": usual])
        let right = basic("ann", "right horse")
        #expect(try server.get("/metrics", right).status == 200)
        let wrong = try server.client()
        wrong.send("GET / HTTP/1.1\r\nHost: here\r\n\(basic("bob", "wrong"))\r\n\r\n")
        #expect(eventually { server.server.counters.passwordChecks == 2 })
        #expect(try server.get("/metrics", right).status == 200)
        #expect(wrong.reply()?.status == 401)
    }

    @Test func guessesCostLittle() throws {
        let server = try TestServer(users: ["ann": usual])
        let right = basic("ann", "right horse")
        #expect(try server.get("/healthz", right).status == 200)
        let hash = try #require(BcryptHash(usual))
        let dearest = (0..<3).map { _ in hash.check([1]).seconds }.max() ?? 0
        var answers: [Int: Int] = [:]
        let time = try seconds {
            for index in 0..<100 {
                let status = try server.get("/healthz", basic("ann", "guess \(index)")).status
                answers[status, default: 0] += 1
                // Those who were let in before still are.
                if index % 10 == 0 { #expect(try server.get("/healthz", right).status == 200) }
            }
        }
        #expect(answers.keys.sorted() == [401, 429])
        // The burst, the share, and one check more than there was in the bucket.
        let spent = Double(server.server.counters.passwordChecks) * dearest
        #expect(spent <= 2 * (0.3 + 0.04 * time + 2 * dearest))
        #expect(try server.get("/healthz", basic("ann", "guess")).headers["retry-after"] != nil)
    }

    @Test func unknownUsersTakeAsLong() throws {
        let server = try TestServer(users: ["ann": usual]) { $0.passwordBurstSeconds = 100 }
        // Interleaved, and the least of each: what disturbs one disturbs the other.
        var least = ["ann": Double.infinity, "bob": Double.infinity]
        for index in 0..<16 {
            let user = index % 2 == 0 ? "ann" : "bob"
            let field = basic(user, "wrong \(index)")
            let time = try seconds { _ = try server.get("/healthz", field) }
            least[user] = min(least[user] ?? time, time)
        }
        let ratio = (least["ann"] ?? 0) / (least["bob"] ?? 1)
        #expect(abs(ratio - 1) < 0.15)
        #expect(server.server.counters.passwordChecks == 16)
    }

    @Test func theBucketFillsSlowly() {
        let second: UInt64 = 1_000_000_000
        var budget = PasswordBudget(share: 0.05, most: 0.5, now: 0)
        #expect(budget.wait(now: 0) == 0)
        budget.spend(0.7)
        #expect(abs(budget.wait(now: second) - 3) < 1e-9)
        #expect(budget.wait(now: 4 * second + second / 10) == 0)
        budget.spend(0.2)
        #expect(budget.wait(now: 5 * second) > 0)
        // However long nobody came, it is not more than full.
        #expect(budget.wait(now: 10_000 * second) == 0)
        budget.spend(0.6)
        #expect(budget.wait(now: 10_001 * second) > 0)
    }

    @Test func pairsAreNotConfused() throws {
        let one = try #require(Credentials([String(basic("a", "bc").dropFirst(15))]))
        let other = try #require(Credentials([String(basic("ab", "c").dropFirst(15))]))
        #expect(one.password == Array("bc".utf8))
        #expect(one.bytes(with: cheap) != other.bytes(with: cheap))
        #expect(one.bytes(with: cheap) != one.bytes(with: usual))
    }
}
