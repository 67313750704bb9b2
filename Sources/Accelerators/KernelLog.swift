import Glibc
package import Host

/// An XID as the NVIDIA driver reports it, with the GPU that it is about.
package struct DeviceXID: Sendable, Equatable {
    package var pci: String
    package var xid: XID

    /// `nil` when `device` is no PCI address.
    package init?(device: String, xid: XID) {
        guard let pci = pciAddress(device) else { return nil }
        self.pci = pci
        self.xid = xid
    }

    /// From a record of /dev/kmsg such as
    /// `4,1234,5566778899,-;NVRM: Xid (PCI:0000:1b:00): 79, pid=…`; `nil` for any other.
    package init?(record: some StringProtocol) {
        let parts = record.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let head = parts[0].split(separator: ",", omittingEmptySubsequences: false)
        guard head.count >= 3, let microseconds = UInt64(head[2]),
            case (let time, false) = microseconds.multipliedReportingOverflow(by: 1_000)
        else { return nil }
        let opening = "NVRM: Xid (PCI:"
        guard parts[1].hasPrefix(opening) else { return nil }
        let rest = parts[1].dropFirst(opening.count)
        guard let end = rest.firstIndex(of: ")"), let pci = pciAddress(rest[..<end]) else {
            return nil
        }
        let code = rest[rest.index(after: end)...].drop { $0 == ":" || $0 == " " }
            .prefix { ("0"..."9").contains($0) }
        guard let code = Int(code) else { return nil }
        self.pci = pci
        xid = XID(time: time, code: code)
    }
}

/// XIDs in the kernel's log, from the moment of opening on. Its clock is that of printk, which
/// follows CLOCK_MONOTONIC within milliseconds.
package struct XIDLog: ~Copyable {
    private let descriptor: CInt
    /// Records that the kernel threw away before they were read.
    package private(set) var overruns: UInt64 = 0

    /// Records taken in one go: the rest waits for the next.
    private static let most = 10_000

    /// Throws where the log may not be read: it needs root or CAP_SYSLOG.
    package init(of host: Host) throws(FileError) {
        let path = "/dev/kmsg"
        descriptor = open(host.root + path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno) }
        lseek(descriptor, 0, SEEK_END)
    }

    deinit { close(descriptor) }

    /// What was logged since the last call; waits for nothing.
    package mutating func news() -> [DeviceXID] {
        var found: [DeviceXID] = []
        // The kernel hands out one record for each read, and none is longer.
        var buffer = [UInt8](repeating: 0, count: 8 << 10)
        for _ in 0..<Self.most {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EPIPE {
                overruns &+= 1
                continue
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            // Lines that begin with a blank are properties of the record above.
            let lines = String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n")
            found += lines.compactMap { DeviceXID(record: $0) }
        }
        return found
    }
}
