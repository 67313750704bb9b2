package import Host

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
        let host = source.host
        _ = try totals(of: host)
        let block = source.block
        return { () throws(Unavailable) in
            var disks = try totals(of: host)
            disks.addLatencies(from: block)
            return disks
        }
    }

    /// The totals alone. Partitions are told apart by /sys/block, which lists whole devices.
    package static func totals(of host: Host) throws(Unavailable) -> Disks {
        let names = host.names(in: "/sys/block")
        let whole = Set(names.map { String($0.map { $0 == "!" ? "/" : $0 }) })
        guard !whole.isEmpty else { throw Unavailable("no block device in /sys/block") }
        let all = try read("/proc/diskstats", host, DiskActivity.disks)
        return Disks(
            disks: all.filter { whole.contains($0.name) && DiskFacts.isOfInterest($0.name) })
    }

    package func since(_ earlier: Disks) -> Disks {
        let change = matched(disks, earlier.disks, by: \.name).map { now, before in
            before.map { now.since($0) } ?? now
        }
        return Disks(disks: change, gaps: gaps.since(earlier.gaps))
    }
}

/// One whole block device (no partitions). Times in ns.
package struct DiskActivity: Equatable, Sendable, Codable {
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

    package func since(_ earlier: DiskActivity) -> DiskActivity {
        var change = self
        for count in Self.counts {
            change[keyPath: count] = growth(self[keyPath: count], earlier[keyPath: count])
        }
        change.latencySlots = growth(latencySlots, earlier.latencySlots)
        return change
    }

    /// All but `inFlight`, which is a gauge.
    private static var counts: [WritableKeyPath<DiskActivity, UInt64>] {
        [\.reads, \.readBytes, \.readTime, \.writes, \.writeBytes, \.writeTime, \.busy]
    }

    /// /proc/diskstats, partitions included. Its sectors are 512 bytes on every device, its times
    /// are milliseconds.
    static func disks(parsing bytes: [UInt8]) -> [DiskActivity] {
        var text = KernelText(bytes)
        var disks: [DiskActivity] = []
        while text.nextLine() {
            guard let major = text.number(), let minor = text.number(), let name = text.word()
            else { continue }
            var figures: [UInt64] = []
            while figures.count < 10, let figure = text.number() { figures.append(figure) }
            guard figures.count == 10 else { continue }
            var disk = DiskActivity(
                name: name, major: Int(clamping: major), minor: Int(clamping: minor))
            (disk.reads, disk.readBytes, disk.readTime) =
                (figures[0], figures[2] &* 512, figures[3] &* 1_000_000)
            (disk.writes, disk.writeBytes, disk.writeTime) =
                (figures[4], figures[6] &* 512, figures[7] &* 1_000_000)
            (disk.inFlight, disk.busy) = (figures[8], figures[9] &* 1_000_000)
            disks.append(disk)
        }
        return disks
    }
}
