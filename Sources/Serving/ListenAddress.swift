import Glibc
import NIOCore

/// An address to listen on, in numbers: names are not looked up.
package struct ListenAddress: Equatable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int

    /// The list of ports of Prometheus exporters, 9100 to 9999, is full; this one is not on it,
    /// and below the ports that Linux gives to clients.
    package static let standardPort = 19941
    package static let standard = ListenAddress(host: "127.0.0.1", port: standardPort)

    private init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `127.0.0.1:19941`, `[::1]:19941`, `localhost:19941`, or `:19941` for every address.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]),
            text[text.index(after: colon)...].allSatisfy(\.isNumber)
        else { return nil }
        let host = text[..<colon]
        switch host {
        case "": self.init(host: "::", port: Int(port))
        case "localhost": self.init(host: "127.0.0.1", port: Int(port))
        default:
            let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
            let bare = String(isBracketed ? host.dropFirst().dropLast() : host)
            guard bare.contains(":") == isBracketed,
                (try? SocketAddress(ipAddress: bare, port: Int(port))) != nil
            else { return nil }
            self.init(host: bare, port: Int(port))
        }
    }

    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Whether other machines may come in: then passwords and data cross the network in the clear.
    package var isBeyondLoopback: Bool {
        (try? SocketAddress(ipAddress: host, port: port))?.isBeyondLoopback ?? true
    }
}

/// Where connections come from: an address, or a listening socket of systemd's.
package enum Listener: Equatable, Sendable {
    case address(ListenAddress)
    /// Owned by the server from its start on.
    case descriptor(CInt)
}

/// Where a running server listens.
package struct OpenListener: Equatable, Sendable {
    package var address: String
    /// `nil` for a socket in the file system.
    package var port: Int?
    package var isBeyondLoopback: Bool

    init(_ address: SocketAddress?) {
        let host = address?.ipAddress ?? ""
        port = address?.port
        isBeyondLoopback = address?.isBeyondLoopback ?? true
        if let port {
            self.address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        } else {
            self.address = address?.pathname ?? "a socket without an address"
        }
    }
}

extension SocketAddress {
    fileprivate var isBeyondLoopback: Bool {
        guard let text = ipAddress else { return false }
        // The last is an IPv4 address in IPv6's clothes.
        return text != "::1" && !text.hasPrefix("127.") && !text.hasPrefix("::ffff:127.")
    }
}

/// Throws unless `descriptor` is a listening socket.
func checkListens(_ descriptor: CInt) throws(ServingError) {
    var isListening: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0 else {
        throw .descriptor(descriptor, errno: errno)
    }
    guard isListening == 1 else { throw .descriptor(descriptor, errno: EINVAL) }
}
