import Host

extension Machine {
    /// A tenth of each node's memory is in use: a host between two jobs.
    private static let usedShare: UInt64 = 10

    /// Bytes of a node that nobody uses.
    package func freeBytes(of node: Int) -> UInt64 {
        let memory = nodes[node].memoryBytes
        return memory - memory / Self.usedShare - reservedBytes(of: node)
    }

    private func reservedBytes(of node: Int) -> UInt64 {
        hugepages.filter { $0.node == node }.reduce(0) { $0 + UInt64($1.total) * $1.pageBytes }
    }

    func writeNode(_ node: Int, to tree: borrowing Tree) throws(FileError) {
        let folder = "/sys/devices/system/node/node\(node)"
        let cpus = CPUList(cpus(of: node))
        try tree.write("\(folder)/cpulist", cpus.description)
        try tree.write("\(folder)/cpumap", cpus.mask)
        try tree.write(
            "\(folder)/distance", nodes[node].distances.map(String.init).joined(separator: " "))
        try tree.write("\(folder)/meminfo", meminfo(of: node).joined(separator: "\n"))
        for pool in hugepages where pool.node == node {
            let sizes = "\(folder)/hugepages/hugepages-\(pool.pageBytes >> 10)kB"
            try tree.write("\(sizes)/nr_hugepages", "\(pool.total)")
            try tree.write("\(sizes)/free_hugepages", "\(pool.free)")
            try tree.write("\(sizes)/surplus_hugepages", "\(pool.surplus)")
        }
        guard node == 0 else { return }
        let list = { (nodes: [Int]) in CPUList(nodes).description }
        try tree.write("/sys/devices/system/node/online", list(Array(nodes.indices)))
        try tree.write("/sys/devices/system/node/possible", list(Array(nodes.indices)))
        try tree.write(
            "/sys/devices/system/node/has_cpu",
            list(nodes.indices.filter { !self.cpus(of: $0).isEmpty }))
        try tree.write(
            "/sys/devices/system/node/has_memory",
            list(nodes.indices.filter { nodes[$0].memoryBytes > 0 }))
    }

    private func meminfo(of node: Int) -> [String] {
        let total = nodes[node].memoryBytes
        let used = total / Self.usedShare
        let small = hugepages.first { $0.node == node && $0.pageBytes == 2 << 20 }
        let figures: [(String, UInt64)] = [
            ("MemTotal", total), ("MemFree", freeBytes(of: node)),
            ("MemUsed", total - freeBytes(of: node)), ("FilePages", used / 2),
            ("AnonPages", used / 4), ("AnonHugePages", used / 8), ("Shmem", 0), ("Slab", used / 4),
        ]
        let counts: [(String, Int64)] = [
            ("HugePages_Total", small?.total ?? 0), ("HugePages_Free", small?.free ?? 0),
            ("HugePages_Surp", small?.surplus ?? 0),
        ]
        return figures.map { "Node \(node) \($0.0):      \($0.1 >> 10) kB" }
            + counts.map { "Node \(node) \($0.0):     \($0.1)" }
    }

    /// Pages allocated a second on each node that has memory, nearly all of them as wanted.
    private static let pagesPerSecond: UInt64 = 20_000

    package func pagesAllocated(on node: Int, after seconds: UInt64) -> UInt64 {
        nodes[node].memoryBytes > 0 ? 5_000_000 + Self.pagesPerSecond * seconds : 0
    }

    func writeMemoryCounters(to tree: borrowing Tree, after seconds: UInt64) throws(FileError) {
        for node in nodes.indices {
            let pages = pagesAllocated(on: node, after: seconds)
            try tree.write(
                "/sys/devices/system/node/node\(node)/numastat",
                """
                numa_hit \(pages)
                numa_miss 0
                numa_foreign 0
                interleave_hit 1024
                local_node \(pages - pages / 1000)
                other_node \(pages / 1000)
                """)
        }
        let total = nodes.reduce(0) { $0 + $1.memoryBytes }
        let free = nodes.indices.reduce(0) { $0 + freeBytes(of: $1) }
        let used = total / Self.usedShare
        let small = hugepages.filter { $0.pageBytes == 2 << 20 }
        try tree.write(
            "/proc/meminfo",
            """
            MemTotal:       \(total >> 10) kB
            MemFree:        \(free >> 10) kB
            MemAvailable:   \((free + used / 2) >> 10) kB
            Cached:         \(used >> 11) kB
            SwapTotal:             0 kB
            SwapFree:              0 kB
            Dirty:               512 kB
            Writeback:             0 kB
            AnonPages:      \(used >> 12) kB
            AnonHugePages:  \(used >> 13) kB
            HugePages_Total:   \(small.reduce(0) { $0 + $1.total })
            HugePages_Free:    \(small.reduce(0) { $0 + $1.free })
            HugePages_Rsvd:        0
            HugePages_Surp:    \(small.reduce(0) { $0 + $1.surplus })
            Hugepagesize:       2048 kB
            """)
        try tree.write("/proc/zoneinfo", zones.map(zoneinfo).joined(separator: "\n"))
        let populated = zones.filter { $0.bytes > 0 }
        try tree.write("/proc/buddyinfo", populated.map(buddyinfo).joined(separator: "\n"))
        try tree.write("/proc/vmstat", vmstat(after: seconds).joined(separator: "\n"))
    }

    /// Zones as /proc/zoneinfo lists them: node 0 also has those for old devices; a node without
    /// memory has empty ones.
    private var zones: [(node: Int, name: String, bytes: UInt64)] {
        nodes.indices.flatMap { node -> [(node: Int, name: String, bytes: UInt64)] in
            let memory = nodes[node].memoryBytes
            guard node == 0 else { return [(node, "Normal", memory)] }
            return [
                (0, "DMA", 16 << 20), (0, "DMA32", 2 << 30),
                (0, "Normal", memory - (2 << 30) - (16 << 20)),
            ]
        }
    }

    /// With the page sets of each CPU, which make up most of it on a large host.
    private func zoneinfo(_ zone: (node: Int, name: String, bytes: UInt64)) -> String {
        let pages = zone.bytes / 4096
        let low = pages > 0 ? pages / 1000 + 5 : 0
        let sets = online.map {
            """
                cpu: \($0)
                          count:    17
                          high:     378
                          batch:    63
              vm stats threshold: 125
            """
        }
        return """
            Node \(zone.node), zone   \(zone.name)
              pages free     \(pages - pages / Self.usedShare)
                    boost    0
                    min      \(low - low / 5)
                    low      \(low)
                    high     \(low + low / 5)
                    spanned  \(pages)
                    present  \(pages)
                    managed  \(pages)
                    protection: (0, 0, 0, 0, 0)
              pagesets
            \(sets.joined(separator: "\n"))
              node_unreclaimable:  0
              start_pfn:           4096
            """
    }

    /// Nearly all of it in the largest blocks.
    private func buddyinfo(_ zone: (node: Int, name: String, bytes: UInt64)) -> String {
        let pages = zone.bytes / 4096
        let largest = (pages - pages / Self.usedShare) >> 10
        let small = [31, 17, 9, 5, 3, 2, 1, 1, 1, 1]
        return "Node \(zone.node), zone   \(zone.name)   "
            + small.map(String.init).joined(separator: "      ") + "      \(largest) "
    }

    /// Counters of a quiet host: memory comes and goes, nothing is scarce.
    private func vmstat(after seconds: UInt64) -> [String] {
        let pages = nodes.indices.reduce(0) { $0 + pagesAllocated(on: $1, after: seconds) }
        let moving: [(String, UInt64, UInt64)] = [
            ("nr_free_pages", 9_000_000, 0), ("nr_dirty", 128, 0), ("numa_hit", pages, 0),
            ("numa_local", pages - pages / 1000, 0), ("numa_other", pages / 1000, 0),
            ("pgpgin", 50_000_000, 40), ("pgpgout", 90_000_000, 900),
            ("pgfault", 700_000_000, 21_000), ("pgmajfault", 40_000, 1),
            ("thp_fault_alloc", 80_000, 11), ("thp_fault_fallback", 40, 0),
            ("compact_stall", 7, 0), ("pgmigrate_success", 1_000, 0),
        ]
        let still = [
            "numa_miss", "numa_foreign", "pswpin", "pswpout", "allocstall_dma",
            "allocstall_normal", "allocstall_movable", "pgscan_kswapd", "pgscan_direct",
            "pgsteal_kswapd", "pgsteal_direct", "zone_reclaim_success", "zone_reclaim_failed",
            "kswapd_low_wmark_hit_quickly", "numa_pte_updates", "numa_hint_faults",
            "numa_hint_faults_local", "numa_pages_migrated", "pgmigrate_fail", "compact_fail",
            "compact_success", "workingset_refault_anon", "workingset_refault_file", "oom_kill",
        ]
        return moving.map { "\($0.0) \($0.1 + $0.2 * seconds)" } + still.map { "\($0) 0" }
    }
}
