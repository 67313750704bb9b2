import Host

/// What automatic NUMA balancing does to watched threads: scans, hint faults, migrations.
package struct NUMABalancing: Signal {
    package static let name = "numa-balancing"

    /// Page-table scans by the thread that had to do them (task_numa_work); `nil` where this
    /// kernel lets no probe see them.
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
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: NUMABalancing) -> NUMABalancing { self }
}

/// Page-table scans of one thread.
package struct NUMAScan: Equatable, Sendable {
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
}
