import Glibc
import Testing

@testable import Service

@Suite struct NotifierTests {
    /// A datagram socket that stands in for systemd's.
    private struct Listener: ~Copyable {
        let descriptor: CInt
        let path: String

        /// `path`: with a leading @ for the abstract namespace.
        init(_ path: String) {
            self.path = path
            descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            var bytes = Array(path.utf8)
            let isAbstract = path.hasPrefix("@")
            if isAbstract { bytes[0] = 0 } else { unlink(path) }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let size = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
            _ = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, size)
                }
            }
        }

        deinit {
            close(descriptor)
            if !path.hasPrefix("@") { unlink(path) }
        }

        func received() -> String? {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &bytes, bytes.count, CInt(MSG_DONTWAIT))
            return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
        }
    }

    private func notifier(_ path: String) -> ServiceNotifier {
        ServiceNotifier(environment: ["NOTIFY_SOCKET": path], pid: 7)
    }

    @Test(arguments: ["/tmp/stoker-notify-\(getpid())", "@stoker-notify-\(getpid())"])
    func everyMessageArrives(path: String) {
        let listener = Listener(path)
        let notifier = notifier(path)
        #expect(notifier.ready(status: "12 probes attached"))
        #expect(listener.received() == "READY=1\nSTATUS=12 probes attached")
        #expect(notifier.reloading(monotonic: 5_000_123_456))
        #expect(listener.received() == "RELOADING=1\nMONOTONIC_USEC=5000123")
        #expect(notifier.alive() && listener.received() == "WATCHDOG=1")
        #expect(notifier.status("x") && listener.received() == "STATUS=x")
        #expect(notifier.stopping(status: "bye"))
        #expect(listener.received() == "STOPPING=1\nSTATUS=bye")
        #expect(listener.received() == nil)
    }

    @Test func aStatusCannotSayMoreThanAStatus() {
        let text = "bad\nMAINPID=1\r\u{1b}[31m\u{9b}" + String(repeating: "x", count: 10_000)
        let message = ServiceNotifier.message(["READY=1"], text)
        #expect(message.split(separator: "\n").count == 2)
        #expect(message.hasPrefix("READY=1\nSTATUS=bad MAINPID=1  [31m xxx"))
        #expect(message.utf8.count < 300)
    }

    @Test func withoutASocketNothingIsSaid() {
        let long = "/" + String(repeating: "x", count: 107)
        for path in ["", "/", "@", "relative", "vsock:2:1234", long] {
            #expect(!notifier(path).isHeard, "\(path)")
            #expect(!notifier(path).alive())
        }
        #expect(notifier("/" + String(repeating: "x", count: 106)).isHeard)
        #expect(!notifier("/nonexistent/socket").ready(status: ""))
    }

    @Test func theWatchdogIsWantedOfTheProcessThatIsMeant() {
        func watchdog(_ microseconds: String?, pid: String?) -> UInt64? {
            var environment = ["NOTIFY_SOCKET": "@x"]
            environment["WATCHDOG_USEC"] = microseconds
            environment["WATCHDOG_PID"] = pid
            return ServiceNotifier(environment: environment, pid: 7).watchdog
        }
        #expect(watchdog("10000000", pid: "7") == 10_000_000_000)
        #expect(watchdog("10000000", pid: nil) == 10_000_000_000)
        #expect(watchdog("10000000", pid: "8") == nil)
        #expect(watchdog("10000000", pid: "x") == nil)
        for text in [nil, "", "0", "-1", "soon", "18446744073709551615"] {
            #expect(watchdog(text, pid: "7") == nil)
        }
    }

    @Test func socketsBelongToTheProcessThatIsMeant() {
        func sockets(_ pid: String, _ count: String, _ names: String?) -> [ActivatedSocket] {
            var environment = ["LISTEN_PID": pid, "LISTEN_FDS": count]
            environment["LISTEN_FDNAMES"] = names
            return ActivatedSocket.promised(environment: environment, pid: 7)
        }
        #expect(
            sockets("7", "2", "http:more") == [
                ActivatedSocket(descriptor: 3, name: "http"),
                ActivatedSocket(descriptor: 4, name: "more"),
            ])
        #expect(sockets("7", "3", "a").map(\.name) == ["a", "", ""])
        #expect(sockets("7", "1", nil).map(\.descriptor) == [3])
        for (pid, count) in [
            ("8", "1"), ("", "1"), ("7", "0"), ("7", "-1"), ("7", "65"), ("7", "x"),
            ("7", "99999999999999"),
        ] {
            #expect(sockets(pid, count, "a").isEmpty, "\(pid) \(count)")
        }
        #expect(ActivatedSocket.promised(environment: [:], pid: 7).isEmpty)
    }

    @Test func onlyAListeningStreamIsTaken() {
        let stream = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(stream) }
        #expect(!ActivatedSocket(descriptor: stream, name: "").isListening)
        #expect(!ActivatedSocket(descriptor: 9_999, name: "").isListening)
        #expect(!ActivatedSocket(descriptor: -1, name: "").isListening)
    }
}
