/// What a client may ask of the server. Tests shorten the times.
package struct ServerLimits: Sendable {
    /// One header field with its name, and all of them with the request line; ECOSYSTEM.md 2.
    package var headerFieldBytes = 8 << 10
    package var headerBytes = 16 << 10
    /// ECOSYSTEM.md 2.
    package var headerFields = 64
    /// ECOSYSTEM.md 3.3, test 25.
    package var targetBytes = 4 << 10
    /// Bodies are read and forgotten; Judgement: no request of ours has one.
    package var bodyBytes = 64 << 10
    /// From the first byte of a request to its last, however they come; ECOSYSTEM.md 3.3, test 26.
    package var requestSeconds = 10.0
    /// Until a response is with the kernel; two thirds of what ECOSYSTEM.md 3.3, test 26 allows.
    package var responseSeconds = 20.0
    /// Between two requests; Judgement: two scrape intervals of a minute.
    package var idleSeconds = 120.0
    /// For what a client still sends after its last answer; Judgement.
    package var lingerSeconds = 1.0
    /// ECOSYSTEM.md 3.3, test 26.
    package var connections = 256
    /// Responses rendered and not yet with the kernel; ECOSYSTEM.md 3.1, as node_exporter's.
    package var responses = 40
    /// A response that takes longer than this gives way when there are too many; Judgement.
    package var promptSeconds = 1.0
    /// What is read at once, so what pipelining can pile up; Judgement.
    package var readBytes = 4 << 10
    /// Bytes that the kernel keeps for one client, of which it makes twice as many; Judgement:
    /// 48 MiB for all of them.
    package var sendBufferBytes = 64 << 10
    package var receiveBufferBytes = 32 << 10
    /// Passwords that wait to be checked; Judgement.
    package var waitingPasswords = 16
    /// CPU seconds for passwords in a second, and at once: with what 50 refusals cost besides, below
    /// the tenth of a core of ECOSYSTEM.md 3.3, test 27, from the first ten seconds on.
    package var passwordShare = 0.04
    package var passwordBurstSeconds = 0.3

    package init() {}
}
