import Glibc

/// A numeric address and a port to listen on: `127.0.0.1:9941`, `[::1]:9941`.
package struct ListenAddress: Equatable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: UInt16
    package var isIPv6: Bool

    /// Loopback: opening it is an explicit act. Exporters have 9100-9999, and all are given away.
    package static let standard = ListenAddress(host: "127.0.0.1", port: 9941, isIPv6: false)

    private init(host: String, port: UInt16, isIPv6: Bool) {
        self.host = host
        self.port = port
        self.isIPv6 = isIPv6
    }

    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = wholeNumber(text[text.index(after: colon)...], most: 65_535)
        else { return nil }
        var host = text[..<colon]
        let isIPv6 = host.hasPrefix("[") && host.hasSuffix("]") && host.utf8.count > 2
        if isIPv6 { host = host.dropFirst().dropLast() }
        var address = in6_addr()
        guard host.utf8.allSatisfy({ $0 != 0 }),
            inet_pton(isIPv6 ? AF_INET6 : AF_INET, String(host), &address) == 1
        else { return nil }
        self.init(host: String(host), port: UInt16(port), isIPv6: isIPv6)
    }

    /// Only processes of this host can connect.
    package var isLoopback: Bool {
        isIPv6 ? host == "::1" : host.hasPrefix("127.")
    }

    package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A decimal number without a sign, at most `most`.
func wholeNumber(_ text: some StringProtocol, most: UInt64) -> UInt64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= $0 }),
        let number = UInt64(text), number <= most
    else { return nil }
    return number
}
