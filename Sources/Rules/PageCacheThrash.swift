import Host
import Signals
import Training

private let refaultLimit = Limit(
    5_000, "pages/s", source: "judgement: 20 MiB a second read again")
private let mostOfReads = Limit(50, "%", source: "judgement: one disk serves most of the reads")
private let vfsCachePressure = "vm.vfs_cache_pressure"
/// Read-around of mapped files beyond this wastes bandwidth when access is random.
private let mappedReadAhead: Int64 = 512

/// Time in page faults that had to wait for pages, and whether swap is the reason.
struct FaultStall: Sendable {
    static let swapShare = Limit(
        50, "%", source: "judgement: most major faults are reads from swap")

    var threads: Threads
    var losses: ThreadLosses
    /// Host-wide rates, 1/s; nothing when /proc/vmstat could not be read.
    var majorFaults = 0.0
    var swapIns = 0.0
    var swapOuts = 0.0

    init(_ observation: Observation) throws(Unavailable) {
        threads = try observation.threads()
        let faulting = threads.threads.filter { $0.majorFaults > 0 }
        losses = ThreadLosses(faulting, during: observation.whole) { $0.time[.fault] }
        let perSecond = observation.whole.perSecond
        let watched = faulting.reduce(UInt64(0)) { $0 &+ $1.majorFaults }
        guard let counters = observation.optional(VirtualMemory.self) else {
            majorFaults = perSecond(watched)
            return
        }
        majorFaults = perSecond(max(watched, counters["pgmajfault"]))
        swapIns = perSecond(counters["pswpin"])
        swapOuts = perSecond(counters["pswpout"])
    }

    var watchedMajorFaults: UInt64 {
        threads.threads.reduce(0) { $0 &+ $1.majorFaults }
    }

    var isSwap: Bool {
        majorFaults > 0 && Self.swapShare.isReached(by: 100 * swapIns / majorFaults)
    }

    /// A watched thread (on a whole host: an active one) loses 1 %.
    func isLong(_ observation: Observation) -> Bool {
        let counted = losses.filter {
            observation.job.scope == .processes || observation.isActive($0.thread)
        }
        return LossLimits.active.isReached(by: counted.worstPercent)
    }
}

extension Rule {
    package static let pageCacheThrash = Rule(
        id: "page-cache-thrash", cause: .majorFaults, ceiling: .critical,
        title: "Page faults wait for file contents to be read in",
        explanation: Explanation(
            what: """
                Programs map files into memory: libraries, weights, memory-mapped data sets. When \
                a page of such a file is not in memory, touching it stops the thread until it has \
                been read from storage. That is a major fault.
                """,
            why: """
                Each one costs as much as a read of the device, and comes on a plain memory \
                access, where nothing overlaps it.
                """,
            seen: """
                Watched threads were blocked in page faults and counted major faults; swap was \
                not the reason.
                """,
            fix: """
                Where pages are thrown out and read again, more memory for file contents is \
                what helps; a lower vm.vfs_cache_pressure keeps directories and inodes. Where \
                pages are read for the first time, a larger read-ahead brings more with each fault.
                """,
            avoid: """
                With random access a larger read-ahead wastes bandwidth. A few major faults at \
                the start of a program are normal.
                """,
            verify: "pgmajfault in /proc/vmstat grows slowly, and the fault time is gone.",
            sources: ["Documentation/admin-guide/sysctl/vm.rst", "arXiv 2007.06775"])
    ) { observation throws(Unavailable) in
        let stall = try FaultStall(observation)
        guard stall.isLong(observation), !stall.isSwap else { return [] }
        let refaults = observation.whole.perSecond(
            observation.optional(VirtualMemory.self)?.fileRefaults ?? 0)
        let disk = servingDisk(observation)
        return [
            Finding(
                rule: "page-cache-thrash", cause: .majorFaults,
                severity: observation.severity(of: stall.losses, in: stall.threads),
                confidence: .measured,
                summary: "page faults that read files: \(stall.losses.worstInWords), "
                    + "\(briefFigure(stall.majorFaults)) major faults a second on the host",
                culprit: culprit(disk),
                affected: observation.affected(stall.losses),
                evidence: [
                    stall.losses.shareEvidence,
                    Evidence(name: "major faults", value: stall.majorFaults, unit: "1/s"),
                    refaultLimit.evidence("evicted pages read again", refaults),
                    FaultStall.swapShare.evidence(
                        "pages from swap to major faults",
                        100 * stall.swapIns / max(stall.majorFaults, 1)),
                ],
                fix: fix(observation, disk, isThrash: refaults >= stall.majorFaults / 2),
                verify: "`grep pgmajfault /proc/vmstat` twice, a minute apart: little growth",
                claims: stall.losses.claims(.state(.fault)))
        ]
    }

    private static func culprit(_ disk: DiskActivity?) -> FindingCulprit {
        guard let disk else {
            return FindingCulprit(
                kind: .setting, id: vfsCachePressure, name: vfsCachePressure)
        }
        return FindingCulprit(kind: .device, id: disk.name, name: disk.name)
    }

    /// The disk that most of the time of reads went to.
    private static func servingDisk(_ observation: Observation) -> DiskActivity? {
        let disks = observation.optional(Disks.self)?.disks ?? []
        let total = disks.reduce(UInt64(0)) { $0 &+ $1.readTime }
        guard total > 0, let busiest = disks.max(by: { $0.readTime < $1.readTime }),
            mostOfReads.isReached(by: 100 * Double(busiest.readTime) / Double(total))
        else { return nil }
        return busiest
    }

    private static func fix(
        _ observation: Observation, _ disk: DiskActivity?, isThrash: Bool
    ) -> Fix {
        let settings = observation.facts.settings
        let pressure = settings.number(vfsCachePressure)
        if isThrash && (pressure ?? 100) > 50 {
            var fix = Fix.sysctl(
                vfsCachePressure, to: "50", from: pressure.map { "\($0)" },
                risk: "directories and inodes take more memory from other file contents",
                managedBy: observation.manager("tuned"))
            fix.persist.append("# in the job: fewer loader workers, less pinned memory")
            return fix
        }
        if !isThrash, let facts = observation.facts.disks.first(where: { $0.name == disk?.name }),
            let old = facts.readAheadKilobytes, old < mappedReadAhead
        {
            return .readAhead(facts.name, to: mappedReadAhead, from: old)
        }
        return Fix(
            commands: ["# read the mapped files once before training: cat FILE > /dev/null"],
            risk: "helps only where the files fit into free memory")
    }
}

extension Fix {
    /// Sets how much the kernel reads ahead on one disk. Disk names come from the kernel.
    static func readAhead(_ disk: String, to kilobytes: Int64, from old: Int64) -> Fix {
        .file(
            "/sys/block/\(disk)/queue/read_ahead_kb", to: "\(kilobytes)", from: "\(old)",
            called: "read-ahead-\(disk)",
            risk: "random reads fetch data that nobody asked for")
    }
}
