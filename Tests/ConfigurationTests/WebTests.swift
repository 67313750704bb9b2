import Glibc
import Machines
import Serving
import Testing

@testable import Configuration

@Suite struct WebTests {
    private let hash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
    private let path = "/web.yaml"

    private func read(_ text: String, mode: mode_t = 0o640) throws -> WebConfiguration {
        let tree = Tree()
        try tree.write(path, text)
        chmod(tree.folder + path, mode)
        return try WebConfiguration.read(path, on: tree.host)
    }

    private func problems(_ text: String) throws -> [String] {
        let tree = Tree()
        try tree.write(path, text)
        do throws(ConfigurationError) {
            _ = try WebConfiguration.read(path, on: tree.host)
            return []
        } catch { return error.problems.map(\.text) }
    }

    @Test func usersHeadersAndLimitAreTaken() throws {
        let found = try read(
            """
            basic_auth_users:
              alice: \(hash)
              "böb": '$2b$04$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG'
            http_server_config:
              http2: true
              headers:
                X-Frame-Options: DENY
                Content-Security-Policy: default-src 'self'
                X-XSS-Protection:
            rate_limit: {interval: 100ms, burst: 20}
            """)
        #expect(found.users.keys.sorted() == ["alice", "böb"])
        #expect(found.users["alice"] == hash)
        #expect(
            found.headers == [
                "X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'self'",
            ])
        #expect(found.rateLimit == RateLimit(interval: 100_000_000, burst: 20))
        #expect(found.warnings.isEmpty)
    }

    @Test func anEmptyFileLetsEverybodyIn() throws {
        #expect(try read("") == WebConfiguration())
        #expect(try read("rate_limit: {interval: 0}\nbasic_auth_users:").rateLimit == nil)
    }

    @Test func hashesThatEverybodyCanReadAreWarnedOf() throws {
        let text = "basic_auth_users: {a: \(hash)}"
        #expect(try read(text, mode: 0o644).warnings.count == 1)
        #expect(try read("rate_limit: {interval: 1s}", mode: 0o644).warnings.isEmpty)
    }

    @Test func tlsIsRefusedInOneLine() throws {
        #expect(
            try problems("tls_server_config:\n  cert_file: a\n  key_file: b\n") == [
                "/web.yaml:1:1: tls_server_config: TLS is not built in yet"
            ])
    }

    @Test func whatIsWrongIsToldAtOnce() throws {
        let found = try problems(
            """
            basic_auth_user: {}
            http_server_config:
              http2: maybe
              headers:
                X-Frame-Option: deny
                X-Frame-Options: allow
                X-Content-Type-Options: "a\\r\\nSet-Cookie: x"
                Content-Security-Policy: [a]
            rate_limit: {interval: fast, burst: 0}
            """)
        #expect(
            found == [
                "/web.yaml:1:1: unknown key \"basic_auth_user\"; did you mean"
                    + " \"basic_auth_users\"?",
                "/web.yaml:3:10: http2 is \"maybe\"; expected true or false",
                "/web.yaml:5:5: unknown key \"X-Frame-Option\"; did you mean \"X-Frame-Options\"?",
                "/web.yaml:6:22: X-Frame-Options is \"allow\"; expected deny, sameorigin",
                "/web.yaml:7:29: X-Content-Type-Options is \"a\r\nSet-Cookie: x\"; expected nosniff",
                "/web.yaml:8:30: Content-Security-Policy is a list; expected a line of text",
                "/web.yaml:9:24: interval is \"fast\"; expected a time such as 100ms; 0: no limit",
                "/web.yaml:9:37: burst is \"0\"; expected a whole number from 1 to 100000",
            ])
    }

    @Test func onlyBcryptIsAPassword() throws {
        let wrong = [
            "secret", "$1$abc$def", "$6$salt$hash", "", "{SHA}abc", String(hash.dropLast()),
            hash + "x", hash.replacing("$10$", with: "$03$"), hash.replacing("$10$", with: "$15$"),
            hash.replacing("$2y$", with: "$2z$"), hash.replacing("zou", with: "z!u"),
        ]
        for password in wrong {
            let found = try problems("basic_auth_users: {alice: '\(password)'}")
            #expect(found.count == 1, "\(password)")
            #expect(password.isEmpty || !found.joined().contains(password), "the password is shown")
        }
        #expect(try problems("basic_auth_users: {'a:b': '\(hash)'}").count == 1)
        #expect(try problems("basic_auth_users: {'': '\(hash)'}").count == 1)
    }
}
