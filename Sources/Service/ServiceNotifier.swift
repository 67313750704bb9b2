import CService
import Glibc

/// Tells systemd how the daemon is: the protocol of sd_notify(3). Says nothing where nobody asked.
package struct ServiceNotifier: Equatable, Sendable {
    /// Bytes of the socket's address; one in the abstract namespace begins with a NUL.
    private let address: [UInt8]?
    /// ns within which `watchdog()` must be called again and again; `nil`: not wanted.
    package let watchdog: UInt64?

    /// systemd may want a sign of life from another process of the service than this one.
    package init(environment: [String: String], pid: Int32) {
        address = environment["NOTIFY_SOCKET"].flatMap(Self.address)
        let isMeant = environment["WATCHDOG_PID"].map { Int32($0) == pid } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { UInt64($0) } ?? 0
        let (interval, overflow) = microseconds.multipliedReportingOverflow(by: 1_000)
        watchdog = isMeant && interval > 0 && !overflow && address != nil ? interval : nil
    }

    package var isHeard: Bool { address != nil }

    @discardableResult
    package func ready(status: String) -> Bool { send(["READY=1"], status) }

    @discardableResult
    package func status(_ status: String) -> Bool { send([], status) }

    @discardableResult
    package func stopping(status: String) -> Bool { send(["STOPPING=1"], status) }

    @discardableResult
    package func alive() -> Bool { send(["WATCHDOG=1"], nil) }

    /// To be followed by `ready`. `monotonic`: ns of CLOCK_MONOTONIC.
    @discardableResult
    package func reloading(monotonic: UInt64) -> Bool {
        send(["RELOADING=1", "MONOTONIC_USEC=\(monotonic / 1_000)"], nil)
    }

    /// False when it was not delivered.
    private func send(_ lines: [String], _ status: String?) -> Bool {
        guard let address else { return false }
        let message = Array(Self.message(lines, status).utf8)
        return service_send_datagram(
            address, CInt(address.count), message, CInt(clamping: message.count)) == 0
    }

    /// systemd takes every line for an assignment: the status is kept to one, and short.
    static func message(_ lines: [String], _ status: String?) -> String {
        var lines = lines
        if let status {
            let safe = status.unicodeScalars.prefix(longestStatus).map {
                $0.value < 0x20 || (0x7f...0x9f) ~= $0.value ? " " : Character($0)
            }
            lines.append("STATUS=" + String(safe))
        }
        return lines.joined(separator: "\n")
    }

    /// characters. Judgement: a line of `systemctl status`.
    private static let longestStatus = 200

    /// sun_path of unix(7), less the NUL at its end.
    private static let longestAddress = 107

    private static func address(_ name: String) -> [UInt8]? {
        var bytes = Array(name.utf8)
        guard let first = bytes.first, bytes.count > 1, bytes.count <= longestAddress else {
            return nil
        }
        if first == UInt8(ascii: "@") { bytes[0] = 0 }
        return first == UInt8(ascii: "@") || first == UInt8(ascii: "/") ? bytes : nil
    }
}
