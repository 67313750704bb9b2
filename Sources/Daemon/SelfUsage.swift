import Glibc
package import Host

/// What this process and its children take of the host.
package struct SelfUsage: Sendable, Equatable {
    /// CPU seconds since the start, of this process and of the worker that asks the GPUs.
    package var cpuSeconds = 0.0
    /// Bytes.
    package var residentBytes: UInt64 = 0
    package var descriptors = 0

    package init() {}

    package init(_ host: Host, worker: Int32?) {
        for who in [RUSAGE_SELF, RUSAGE_CHILDREN] {
            var usage = rusage()
            getrusage(who.rawValue, &usage)
            cpuSeconds += seconds(usage.ru_utime) + seconds(usage.ru_stime)
        }
        if let stat = worker.flatMap({ host.process($0).stat }) {
            let ticks = stat.userTicks &+ stat.systemTicks
            cpuSeconds += Double(ticks) / Double(Host.ticksPerSecond)
        }
        residentBytes = Self.resident(host)
        descriptors = host.names(in: "/proc/self/fd").count
    }

    private func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    /// The second number of statm, in pages.
    private static func resident(_ host: Host) -> UInt64 {
        let words = host.line("/proc/self/statm")?.split(separator: " ") ?? []
        guard words.count > 1, let pages = UInt64(words[1]) else { return 0 }
        return pages &* UInt64(sysconf(CInt(_SC_PAGESIZE)))
    }
}
