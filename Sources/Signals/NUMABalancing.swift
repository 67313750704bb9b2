import BPF
import Host

/// What automatic NUMA balancing does on this host: scans, hint faults, migrations.
package struct NUMABalancing: Signal {
    package static let name = "numa-balancing"

    /// Page-table scans by the thread that had to do them (task_numa_work), of every process but
    /// Stoker's own; `nil` where no probe sees them.
    package var scans: [NUMAScan]?
    /// Pages that were moved between nodes, by the kernel's reason: `numa_misplaced`,
    /// `compaction`, `syscall`, `mempolicy_mbind` …; empty where no probe tells them.
    package var migrated: [String: UInt64]
    /// numa_pte_updates, numa_hint_faults, numa_hint_faults_local, numa_pages_migrated of
    /// /proc/vmstat: of the whole host.
    package var pagesMarked: UInt64
    package var hintFaults: UInt64
    package var localHintFaults: UInt64
    package var pagesMigrated: UInt64
    package var gaps: Gaps

    package init(
        scans: [NUMAScan]? = nil, migrated: [String: UInt64] = [:], pagesMarked: UInt64 = 0,
        hintFaults: UInt64 = 0, localHintFaults: UInt64 = 0, pagesMigrated: UInt64 = 0,
        gaps: Gaps = Gaps()
    ) {
        self.scans = scans
        self.migrated = migrated
        self.pagesMarked = pagesMarked
        self.hintFaults = hintFaults
        self.localHintFaults = localHintFaults
        self.pagesMigrated = pagesMigrated
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<NUMABalancing> {
        let host = source.host
        _ = try counters(of: host)
        guard let probe = source.numa else {
            return { () throws(Unavailable) in try counters(of: host) }
        }
        return { () throws(Unavailable) in
            var balancing = try counters(of: host)
            balancing.add(from: probe, isOff: isOff(host))
            if source.memoryNanoseconds != nil { try? probe.get().forgetEnded(host) }
            return balancing
        }
    }

    /// The counters alone; a kernel that was built without balancing has none of them.
    static func counters(of host: Host) throws(Unavailable) -> NUMABalancing {
        let counters = try read("/proc/vmstat", host, KernelText.keyedNumbers)
        return NUMABalancing(
            pagesMarked: counters["numa_pte_updates"] ?? 0,
            hintFaults: counters["numa_hint_faults"] ?? 0,
            localHintFaults: counters["numa_hint_faults_local"] ?? 0,
            pagesMigrated: counters["numa_pages_migrated"] ?? 0)
    }

    /// Balancing is switched off, or this kernel has none: that nothing is seen of it is no gap.
    private static func isOff(_ host: Host) -> Bool {
        (host.sysctl("kernel.numa_balancing") ?? "0") == "0"
    }

    /// Adds what the probe saw to the counters.
    mutating func add(from probe: Result<NUMAProbe, Unavailable>, isOff: Bool) {
        do throws(Unavailable) {
            let probe = try probe.get()
            do throws(ProbeError) {
                migrated = try probe.migrated()
                scans = probe.noScans == nil || isOff ? try probe.scans() : nil
                gaps.lost += try probe.lost()
            } catch {
                throw Unavailable(error)
            }
            if let why = probe.noScans, !isOff {
                gaps.reasons.append("time of page-table scans (task_numa_work) not told: \(why)")
            }
            if let why = probe.noReasons {
                gaps.reasons.append("reasons for moving pages not told: \(why)")
            }
        } catch {
            scans = isOff ? [] : nil
            let parts = isOff ? "" : "page-table scans and "
            gaps.reasons.append("\(parts)reasons for moving pages not told: \(error.reason)")
        }
    }

    package func since(_ earlier: NUMABalancing) -> NUMABalancing {
        var change = self
        change.pagesMarked = growth(pagesMarked, earlier.pagesMarked)
        change.hintFaults = growth(hintFaults, earlier.hintFaults)
        change.localHintFaults = growth(localHintFaults, earlier.localHintFaults)
        change.pagesMigrated = growth(pagesMigrated, earlier.pagesMigrated)
        change.migrated = migrated.reduce(into: [:]) { moved, reason in
            let pages = growth(reason.value, earlier.migrated[reason.key] ?? 0)
            if pages > 0 { moved[reason.key] = pages }
        }
        change.scans = scans.map { scans in
            matched(scans, earlier.scans ?? [], by: \.tid)
                .map { now, before in before.map { now.since($0) } ?? now }
                .filter { $0.count > 0 }
        }
        change.gaps = gaps.since(earlier.gaps)
        return change
    }
}

/// Page-table scans of one thread.
package struct NUMAScan: Equatable, Sendable, Codable {
    package var tid: Int32
    package var count: UInt64
    /// In all and the longest one, ns.
    package var nanoseconds: UInt64
    package var longest: UInt64

    package init(tid: Int32, count: UInt64 = 0, nanoseconds: UInt64 = 0, longest: UInt64 = 0) {
        self.tid = tid
        self.count = count
        self.nanoseconds = nanoseconds
        self.longest = longest
    }

    /// What happened since an earlier reading. The longest scan of the time in between is known
    /// when it is the longest of all; else it is at most that, and at most all of the time.
    fileprivate func since(_ earlier: NUMAScan) -> NUMAScan {
        var change = self
        change.count = growth(count, earlier.count)
        change.nanoseconds = growth(nanoseconds, earlier.nanoseconds)
        change.longest = min(longest, change.nanoseconds)
        return change
    }
}
