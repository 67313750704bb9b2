import Glibc
import NIOCore
import NIOHTTP1

/// What all connections share, used on the server's thread alone; hence a class.
final class Room {
    let limits: ServerLimits
    let doorman: Doorman
    private let site: Site
    private let access: Shared<Access>
    private let counters: Shared<ServerCounters>
    private let gzip = Gzip()
    private var gate = RequestGate()
    private var connections: [ObjectIdentifier: Connection] = [:]

    /// Smaller bodies fit into one packet as they are.
    private static let leastCompressed = 1 << 10

    init(
        site: Site, access: Shared<Access>, limits: ServerLimits,
        counters: Shared<ServerCounters>, doorman: Doorman
    ) {
        self.site = site
        self.access = access
        self.limits = limits
        self.counters = counters
        self.doorman = doorman
    }

    var rules: Access { access.value }

    // MARK: Places

    /// Whether there is a place, if need be that of the client that lets us wait the longest.
    func admit(_ connection: Connection) -> Bool {
        if connections.count >= limits.connections {
            guard let other = stalest({ $0.waitsForClient(longerThan: limits.promptSeconds) })
            else {
                count { $0.refusedConnections &+= 1 }
                return false
            }
            drop(other)
        }
        connections[ObjectIdentifier(connection)] = connection
        count { [open = connections.count] in
            $0.acceptedConnections &+= 1
            $0.openConnections = open
        }
        return true
    }

    func left(_ connection: Connection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        count { [open = connections.count] in $0.openConnections = open }
    }

    func drop(_ connection: Connection) {
        count { $0.droppedConnections &+= 1 }
        left(connection)
        connection.abort()
    }

    /// Whether one more response may lie around, if need be in place of one that nobody reads.
    private func hasRoomForResponse() -> Bool {
        guard connections.values.count(where: \.isSending) >= limits.responses else { return true }
        let slow = stalest {
            $0.isSending && $0.waitsForClient(longerThan: limits.promptSeconds)
        }
        guard let slow else { return false }
        drop(slow)
        return true
    }

    private func stalest(_ isEligible: (Connection) -> Bool) -> Connection? {
        connections.values.lazy.filter(isEligible).min { $0.staleness < $1.staleness }
    }

    // MARK: Answers

    /// Seconds until the next request is answered; zero when this one is.
    func requestWait() -> Double {
        gate.wait(access.value.rate, now: NIODeadline.now().uptimeNanoseconds)
    }

    func response(to head: HTTPRequestHead) -> Response {
        guard hasRoomForResponse() else {
            var response = Response.refusal(
                .serviceUnavailable, Site.path(of: head), isLast: true)
            response.header = ("Retry-After", "1")
            return response
        }
        return site.response(to: head)
    }

    /// `response` as it is sent; `head` is missing where the request could not be read.
    func outgoing(_ response: Response, to head: HTTPRequestHead?) -> Outgoing {
        let isLast = response.isLast || head.map { !$0.isReusable } ?? true
        var headers = response.headers(access.value.headers, time: time(nil))
        var body: ByteBuffer?
        if let head, response.body.utf8.count >= Self.leastCompressed,
            Preferences(head.headers["accept-encoding"]).takesGzip
        {
            body = gzip?.compressed(response.body)
            if body != nil { headers.add(name: "Content-Encoding", value: "gzip") }
        }
        let bytes = body ?? ByteBuffer(string: response.body)
        headers.add(name: "Content-Length", value: "\(bytes.readableBytes)")
        if isLast {
            headers.add(name: "Connection", value: "close")
        } else if head?.version == .http1_0 {
            headers.add(name: "Connection", value: "keep-alive")
        }
        return Outgoing(
            head: HTTPResponseHead(version: .http1_1, status: response.status, headers: headers),
            body: head?.method == .HEAD ? nil : bytes, isLast: isLast)
    }

    func count(_ response: Response) {
        let kind = ServerCounters.Kind(path: response.path, status: Int(response.status.code))
        count { $0.requests[kind, default: 0] &+= 1 }
    }

    func count(_ change: (inout ServerCounters) -> Void) {
        counters.change { [checks = doorman.checks] counters in
            counters.passwordChecks = checks
            change(&counters)
        }
    }
}

/// A response in the form in which it goes out.
struct Outgoing {
    var head: HTTPResponseHead
    /// `nil` where only the head was asked for.
    var body: ByteBuffer?
    /// The connection ends with it.
    var isLast: Bool
}

extension HTTPRequestHead {
    /// Whether another request can follow on the same connection. After a body it is not worth it.
    fileprivate var isReusable: Bool {
        let hasBody =
            headers.contains(name: "transfer-encoding") || headers.contains(name: "content-length")
        return isKeepAlive && !hasBody && !headers.contains(name: "upgrade")
    }
}
