import Host

/// The control groups of the watched processes and all their ancestors.
package struct Cgroups: Signal {
    package static let name = "cgroup"

    package var groups: [CgroupActivity]
    package var gaps: Gaps

    package init(groups: [CgroupActivity] = [], gaps: Gaps = Gaps()) {
        self.groups = groups
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<Cgroups> {
        let host = source.host
        let layout = source.facts.cgroups
        guard layout.unified != nil || !layout.version1.isEmpty else {
            throw Unavailable("no control groups are mounted")
        }
        var known: [Int32: [String: String]] = [:]
        var readings = 0
        return { () throws(Unavailable) in
            readings += 1
            let watched = source.watchedPids
            // Processes hardly ever move; asking for thousands of them each second would cost.
            known =
                readings % readingsUntilMoved == 0
                ? [:] : known.filter { watched.contains($0.key) }
            for pid in watched where known[pid] == nil { known[pid] = host.process(pid).cgroups }
            let paths = known.map { (pid: $0.key, cgroups: $0.value) }
            return read(host: host, layout: layout, paths: paths)
        }
    }

    /// Readings after which a process that moved to another group is noticed. Judgement.
    private static let readingsUntilMoved = 10

    /// A group that was not watched before counts from now on: its totals are older than the watch.
    package func since(_ earlier: Cgroups) -> Cgroups {
        let change = matched(groups, earlier.groups, by: \.folder).map { now, before in
            now.since(before ?? now)
        }
        return Cgroups(groups: change, gaps: gaps.since(earlier.gaps))
    }
}

/// One control group in one hierarchy. A v1 host has one entry for each controller and path.
package struct CgroupActivity: Equatable, Sendable, Codable {
    /// Full path of the folder: `/sys/fs/cgroup/cpu/job`. What a command would name.
    package var folder: String
    /// Path below the mount point as /proc/PID/cgroup shows it: `/job`.
    package var path: String
    /// 1 or 2.
    package var version: Int
    /// Watched processes that are in this group or below it.
    package var pids: [Int32]

    /// CPU bandwidth control; `nil` where the group has no such controller.
    package var bandwidth: Bandwidth?
    /// Memory control; `nil` where the group has no such controller.
    package var memory: MemoryControl?
    /// pids.current, pids.max (`nil`: no limit) and the growth of pids.events max.
    package var tasks: UInt64?
    package var tasksLimit: UInt64?
    package var tasksRefused: UInt64 = 0
    /// cpuset.cpus.effective (v2) or cpuset.effective_cpus (v1).
    package var cpus: CPUSet?
    /// Limits on block I/O that are set in this very group.
    package var ioLimits: [IOLimit] = []
    package var memoryPressure: Stall?
    package var ioPressure: Stall?

    package init(folder: String, path: String, version: Int, pids: [Int32] = []) {
        self.folder = folder
        self.path = path
        self.version = version
        self.pids = pids
    }

    package func since(_ earlier: CgroupActivity) -> CgroupActivity {
        var change = self
        change.bandwidth = bandwidth?.since(earlier.bandwidth ?? Bandwidth())
        change.memory = memory?.since(earlier.memory ?? MemoryControl())
        change.tasksRefused = growth(tasksRefused, earlier.tasksRefused)
        change.memoryPressure = memoryPressure?.since(earlier.memoryPressure ?? Stall())
        change.ioPressure = ioPressure?.since(earlier.ioPressure ?? Stall())
        return change
    }
}

/// cpu.stat and the quota that it counts against.
package struct Bandwidth: Equatable, Sendable, Codable {
    /// `nil`: no quota.
    package var quotaMicroseconds: UInt64?
    package var periodMicroseconds: UInt64
    package var periods: UInt64
    package var throttledPeriods: UInt64
    /// Summed over CPUs, ns.
    package var throttled: UInt64

    package init(
        quotaMicroseconds: UInt64? = nil, periodMicroseconds: UInt64 = 100_000,
        periods: UInt64 = 0, throttledPeriods: UInt64 = 0, throttled: UInt64 = 0
    ) {
        self.quotaMicroseconds = quotaMicroseconds
        self.periodMicroseconds = periodMicroseconds
        self.periods = periods
        self.throttledPeriods = throttledPeriods
        self.throttled = throttled
    }

    package func since(_ earlier: Bandwidth) -> Bandwidth {
        var change = self
        change.periods = growth(periods, earlier.periods)
        change.throttledPeriods = growth(throttledPeriods, earlier.throttledPeriods)
        change.throttled = growth(throttled, earlier.throttled)
        return change
    }
}

/// Limits and events of the memory controller. Bytes; events as counts in the window.
package struct MemoryControl: Equatable, Sendable, Codable {
    package var current: UInt64
    /// memory.max or memory.limit_in_bytes; `nil`: no limit.
    package var limit: UInt64?
    /// memory.high (v2 only); `nil`: no limit.
    package var high: UInt64?
    /// Times that memory.high made the group reclaim (v2).
    package var highEvents: UInt64
    /// Times that the limit was hit: memory.events `max` (v2) or memory.failcnt (v1).
    package var limitEvents: UInt64
    package var oomKills: UInt64
    /// memory.stat workingset_refault_file: pages that were evicted and read in again.
    package var fileRefaults: UInt64

    package init(
        current: UInt64 = 0, limit: UInt64? = nil, high: UInt64? = nil, highEvents: UInt64 = 0,
        limitEvents: UInt64 = 0, oomKills: UInt64 = 0, fileRefaults: UInt64 = 0
    ) {
        self.current = current
        self.limit = limit
        self.high = high
        self.highEvents = highEvents
        self.limitEvents = limitEvents
        self.oomKills = oomKills
        self.fileRefaults = fileRefaults
    }

    package func since(_ earlier: MemoryControl) -> MemoryControl {
        var change = self
        change.highEvents = growth(highEvents, earlier.highEvents)
        change.limitEvents = growth(limitEvents, earlier.limitEvents)
        change.oomKills = growth(oomKills, earlier.oomKills)
        change.fileRefaults = growth(fileRefaults, earlier.fileRefaults)
        return change
    }
}

/// CPUs that a cpuset allows, and its partition type where the kernel has one (`member`,
/// `root`, `isolated`, or `… invalid (reason)`).
package struct CPUSet: Equatable, Sendable, Codable {
    package var effective: String
    package var partition: String?

    package init(effective: String, partition: String? = nil) {
        self.effective = effective
        self.partition = partition
    }
}

/// One line of io.max (v2) or of a blkio.throttle file (v1): a device that the group may use only
/// so fast.
package struct IOLimit: Equatable, Sendable, Codable {
    /// `major:minor`
    package var device: String
    /// File of the group that holds the line.
    package var file: String
    /// The line as it is.
    package var line: String
    /// The line that lifts the limit.
    package var lifted: String

    package init(device: String, file: String, line: String, lifted: String) {
        self.device = device
        self.file = file
        self.line = line
        self.lifted = lifted
    }
}
