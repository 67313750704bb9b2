import CService
import Glibc

/// A listening socket that systemd opened for us, see sd_listen_fds(3).
package struct ActivatedSocket: Equatable, Sendable {
    package var descriptor: Int32
    /// FileDescriptorName= of the socket unit; empty when there is none.
    package var name: String

    /// Where systemd begins to count.
    private static let first: Int32 = 3
    /// More than that are a mistake. Judgement.
    private static let most: Int32 = 64

    /// The sockets that the environment promises to process `pid`.
    package static func promised(environment: [String: String], pid: Int32) -> [ActivatedSocket] {
        guard let owner = environment["LISTEN_PID"].flatMap({ Int32($0) }), owner == pid,
            let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), (1...most) ~= count
        else { return [] }
        let names = environment["LISTEN_FDNAMES"] ?? ""
        let words = names.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        return (0..<count).map { index in
            let name = words.indices.contains(Int(index)) ? words[Int(index)] : ""
            return ActivatedSocket(descriptor: first + index, name: name)
        }
    }

    /// True for a stream socket that listens.
    package var isListening: Bool { service_is_listening(descriptor) != 0 }

    /// Programs that are started do not get it.
    package func closeOnExec() { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
}

/// What the service manager said when it started this process.
package struct ServiceStart: Sendable {
    package var notifier: ServiceNotifier
    /// Those that listen; others are left alone.
    package var sockets: [ActivatedSocket]
    /// stderr goes to the journal.
    package var logsToJournal: Bool

    /// Reads it once, and takes it out of the environment: no child is to mistake it for its own.
    package static func taken() -> ServiceStart {
        let names = [
            "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS",
            "LISTEN_FDNAMES", "JOURNAL_STREAM",
        ]
        var environment: [String: String] = [:]
        for name in names {
            environment[name] = getenv(name).map { String(cString: $0) }
            unsetenv(name)
        }
        let pid = getpid()
        let sockets = ActivatedSocket.promised(environment: environment, pid: pid)
            .filter(\.isListening)
        for socket in sockets { socket.closeOnExec() }
        return ServiceStart(
            notifier: ServiceNotifier(environment: environment, pid: pid), sockets: sockets,
            logsToJournal: isJournal(STDERR_FILENO, stream: environment["JOURNAL_STREAM"]))
    }
}

/// `stream`: device and inode of the journal's end, as systemd.exec(5) says.
func isJournal(_ descriptor: Int32, stream: String?) -> Bool {
    var status = stat()
    guard let stream, fstat(descriptor, &status) == 0 else { return false }
    return stream == "\(status.st_dev):\(status.st_ino)"
}
