import Glibc

/// A client on a plain socket, so that it can be as rude as the tests want.
final class Client {
    let descriptor: CInt
    private var buffer: [UInt8] = []

    /// Connects to a port of the loopback address; every wait ends after `seconds`.
    init(port: Int, receiveBuffer: CInt? = nil, patience seconds: Int = 5) throws {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw ClientError(errno: errno) }
        var patience = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(
                descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        if var size = receiveBuffer {
            setsockopt(
                descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        var address = loopback(port)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw ClientError(errno: code)
        }
    }

    deinit { Glibc.close(descriptor) }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// False when the server takes no more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    func get(_ target: String, _ fields: String..., method: String = "GET") -> Reply? {
        let lines = ["\(method) \(target) HTTP/1.1", "Host: here"] + fields + ["", ""]
        send(lines.joined(separator: "\r\n"))
        return reply(isBodiless: method == "HEAD")
    }

    /// The next response; `nil` when none comes.
    func reply(isBodiless: Bool = false) -> Reply? {
        var end = buffer.firstRange(of: Array("\r\n\r\n".utf8))
        while end == nil {
            guard more() else { return nil }
            end = buffer.firstRange(of: Array("\r\n\r\n".utf8))
        }
        guard let end,
            var reply = Reply(head: String(decoding: buffer[..<end.lowerBound], as: UTF8.self))
        else { return nil }
        buffer.removeSubrange(..<end.upperBound)
        let length = isBodiless ? 0 : Int(reply.headers["content-length"] ?? "") ?? 0
        while buffer.count < length { guard more() else { return nil } }
        reply.body = Array(buffer[..<length])
        buffer.removeSubrange(..<length)
        return reply
    }

    /// Whether the server ends the connection; what it still sends is read.
    func isClosed() -> Bool {
        while more() {}
        return errno != EAGAIN
    }

    /// Whether the server ends the connection without taking back anything.
    func isClosedInOrder() -> Bool {
        while more() {}
        return errno == 0
    }

    func closeOutput() { shutdown(descriptor, CInt(SHUT_WR)) }

    private func more() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        errno = 0
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        buffer += chunk.prefix(count)
        return true
    }
}

struct ClientError: Error { var errno: CInt }

struct Reply {
    var status: Int
    /// Names in lower case.
    var headers: [String: String] = [:]
    var body: [UInt8] = []

    var text: String { String(decoding: body, as: UTF8.self) }

    init?(head: String) {
        let lines = head.split(separator: "\r\n")
        guard let first = lines.first?.split(separator: " "), first.count >= 2,
            first[0] == "HTTP/1.1", let status = Int(first[1])
        else { return nil }
        self.status = status
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers[line[..<colon].lowercased()] = String(value)
        }
    }
}

func loopback(_ port: Int) -> sockaddr_in {
    sockaddr_in(
        sin_family: sa_family_t(AF_INET), sin_port: in_port_t(port).bigEndian,
        sin_addr: in_addr(s_addr: UInt32(0x7f00_0001).bigEndian),
        sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
}

extension Array where Element == UInt8 {
    func firstRange(of part: [UInt8]) -> Range<Int>? {
        guard count >= part.count, let first = part.first else { return nil }
        for start in 0...(count - part.count) where self[start] == first {
            if self[start..<start + part.count].elementsEqual(part) {
                return start..<start + part.count
            }
        }
        return nil
    }
}
