/// Block devices: totals from /proc/diskstats, latency distribution from the probe.
package struct Disks: Signal {
    package static let name = "block"

    package var disks: [DiskActivity]
    package var gaps: Gaps

    package init(disks: [DiskActivity] = [], gaps: Gaps = Gaps()) {
        self.disks = disks
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<Disks> {
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: Disks) -> Disks { self }
}

/// One whole block device (no partitions). Times in ns.
package struct DiskActivity: Equatable, Sendable {
    package var name: String
    package var major: Int
    package var minor: Int
    package var reads: UInt64 = 0
    package var readBytes: UInt64 = 0
    /// Sum over requests of the time each took.
    package var readTime: UInt64 = 0
    package var writes: UInt64 = 0
    package var writeBytes: UInt64 = 0
    package var writeTime: UInt64 = 0
    /// Time with at least one request under way.
    package var busy: UInt64 = 0
    /// Requests under way at the end of the window.
    package var inFlight: UInt64 = 0
    /// Completed requests by power of two of their time: slot n holds 2^n us and more. Empty
    /// when the probe is missing.
    package var latencySlots: [UInt64] = []

    package init(name: String, major: Int = 0, minor: Int = 0) {
        self.name = name
        self.major = major
        self.minor = minor
    }
}
