import Host
import Signals
import Training

/// Time that watched threads waited for storage, the disk behind it, and what explains it best.
struct StorageStall: Sendable {
    /// The rules that share one loss; exactly one of them reports it.
    enum Kind: Sendable { case writeback, readAhead, general }

    static let writing = Limit(
        1_000, "ms/min", source: "judgement: a sixtieth of one thread's time")
    static let dirty = Limit(
        50, "%", source: "vm.rst: writers are slowed from half way between both limits")
    static let dirtyBytes: Int64 = 8 << 30
    static let requestBytes = Limit(
        128, "KiB", source: "the kernel's default read-ahead; judgement")
    static let busy = Limit(70, "%", source: "judgement: above it the disk is the limit")
    static let readAhead: Int64 = 4096

    var observation: Observation
    var threads: Threads
    /// All waiting, less reads that a memory limit explains.
    var losses: ThreadLosses
    var writingTime: ThreadLosses
    /// The disk that the waits went to; `nil` when no disk did anything.
    var disk: DiskActivity?
    var facts: DiskFacts?

    /// `nil` when nobody waits long.
    init?(_ observation: Observation) throws(Unavailable) {
        let threads = try observation.threads()
        let memcg = MemcgPressure(observation, threads)
        let losses = ThreadLosses(threads.threads, during: observation.whole) {
            growth($0.time[.io], memcg.explainedReads($0))
        }
        guard observation.waitsForStorage(losses, in: threads) else { return nil }
        self.observation = observation
        self.threads = threads
        self.losses = losses
        writingTime = ThreadLosses(threads.threads, during: observation.whole) {
            min($0.writing, $0.time[.io])
        }
        let writes = writingTime.total > losses.total / 2
        let busiest = (observation.optional(Disks.self)?.disks ?? [])
            .max { $0.time(writes) < $1.time(writes) }
        disk = busiest.flatMap { $0.readTime &+ $0.writeTime > 0 ? $0 : nil }
        facts = observation.facts.disks.first { $0.name == disk?.name }
    }

    var isMostlyWriting: Bool { writingTime.total > losses.total / 2 }

    var kind: Kind {
        if isWriteback { return .writeback }
        return isReadAhead ? .readAhead : .general
    }

    // What the disk did

    /// Mean time of a request, ms.
    var latency: Double {
        guard let disk else { return 0 }
        let count = isMostlyWriting ? disk.writes : disk.reads
        return count > 0 ? Double(disk.time(isMostlyWriting)) / Double(count) / 1e6 : 0
    }

    var busyPercent: Double {
        let length = observation.whole.nanoseconds
        return length > 0 ? 100 * Double(disk?.busy ?? 0) / Double(length) : 0
    }

    var kibibytesPerRead: Double {
        guard let disk, disk.reads > 0 else { return 0 }
        return Double(disk.readBytes) / Double(disk.reads) / 1024
    }

    /// The disks answer fast, and all their requests together took less than half of the time
    /// that threads waited: something between program and disk holds the requests back.
    var isHeldBackBefore: Bool {
        let disks = observation.optional(Disks.self)?.disks
        guard let disks else { return false }
        let time = disks.reduce(UInt64(0)) { $0 &+ $1.readTime &+ $1.writeTime }
        return latency < 1 && time < losses.total / 2
    }

    /// A limit on this disk of a group that holds waiting threads, the innermost first.
    var ioLimit: (group: CgroupActivity, limit: IOLimit)? {
        let waiting = Set(losses.entries.map(\.thread.pid))
        let device = disk.map { "\($0.major):\($0.minor)" }
        let groups = (observation.optional(Cgroups.self)?.groups ?? [])
            .filter { !waiting.isDisjoint(with: $0.pids) }
            .sorted { $0.path.utf8.count > $1.path.utf8.count }
        for group in groups {
            let limits = group.ioLimits.filter { device == nil || $0.device == device }
            if let limit = limits.first { return (group, limit) }
        }
        return nil
    }

    // What explains it

    private var isWriteback: Bool {
        guard isMostlyWriting, Self.writing.isReached(by: writingTime.millisecondsPerMinute),
            let limit = dirtyLimit, limit > Double(Self.dirtyBytes)
        else { return false }
        return Self.dirty.isReached(by: dirtyPercent)
    }

    /// Bytes of unwritten data at which the kernel stops writers.
    private var dirtyLimit: Double? {
        let settings = observation.facts.settings
        if let bytes = settings.number("vm.dirty_bytes"), bytes > 0 { return Double(bytes) }
        guard let ratio = settings.number("vm.dirty_ratio"),
            let available = observation.optional(FreeMemory.self)?.meminfo["MemAvailable"]
        else { return nil }
        return Double(available) * Double(ratio) / 100
    }

    /// Unwritten data as a share of that limit.
    var dirtyPercent: Double {
        let meminfo = observation.optional(FreeMemory.self)?.meminfo ?? [:]
        let bytes = (meminfo["Dirty"] ?? 0) &+ (meminfo["Writeback"] ?? 0)
        guard let limit = dirtyLimit, limit > 0 else { return 0 }
        return 100 * Double(bytes) / limit
    }

    /// Requests as large as the read-ahead are what reading in order looks like; the disk has
    /// time left, so larger ones bring more.
    private var isReadAhead: Bool {
        guard let current = facts?.readAheadKilobytes, current < Self.readAhead, !isMostlyWriting,
            !isHeldBackBefore
        else { return false }
        let size = kibibytesPerRead
        return size >= Double(current) / 2 && size <= Self.requestBytes.value
            && busyPercent < Self.busy.value
            && StorageLimits.others.isReached(by: losses.worstPercent)
    }
}

extension DiskActivity {
    fileprivate func time(_ writes: Bool) -> UInt64 { writes ? writeTime : readTime }
}

extension StorageStall {
    func finding(_ rule: String, summary: String, fix: Fix, verify: String) -> Finding {
        Finding(
            rule: rule, cause: .storageStall,
            severity: observation.severity(of: losses, in: threads), confidence: .measured,
            summary: summary,
            culprit: culprit,
            affected: observation.affected(losses), evidence: evidence, fix: fix, verify: verify,
            claims: losses.claims(.state(.io)))
    }

    /// The group whose limit holds requests back where there is one, else the disk.
    private var culprit: FindingCulprit? {
        if isHeldBackBefore, let (group, _) = ioLimit {
            return FindingCulprit(kind: .cgroup, id: group.path, name: group.folder)
        }
        return disk.map { FindingCulprit(kind: .device, id: $0.name, name: $0.name) }
    }

    private var evidence: [Evidence] {
        let launch = losses.filter { observation.job.role($0.thread.tid) == .launch }
        var rows = [
            StorageLimits.launch.evidence("worst launch thread in storage", launch.worstPercent),
            StorageLimits.others.evidence("worst thread in storage", losses.worstPercent),
            Evidence(
                name: "writers' part of it", value: writingTime.millisecondsPerMinute,
                unit: "ms/min"),
        ]
        if let disk {
            rows.append(
                Evidence(name: "mean time of a request, \(disk.name)", value: latency, unit: "ms"))
            rows.append(Self.busy.evidence("\(disk.name) busy", busyPercent))
            rows.append(Self.requestBytes.evidence("mean read", kibibytesPerRead))
        }
        if let pressure = observation.optional(Pressure.self), observation.whole.nanoseconds > 0 {
            let share = Double(pressure.io.some) / Double(observation.whole.nanoseconds)
            let limit = Limit(
                10, "%", source: "judgement: host-wide stalls that go with GPU idling")
            rows.append(limit.evidence("I/O pressure of the host (some)", 100 * share))
        }
        return rows
    }
}
