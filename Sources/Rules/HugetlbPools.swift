import Host
import Signals
import Training

private let remoteBytes = Limit(
    16, "MiB", source: "judgement: smaller pools serve drivers, not buffers")
private let gibibyte: UInt64 = 1 << 30

extension Rule {
    package static let hugetlbPoolPerNode = Rule(
        id: "hugetlb-pool-per-node", cause: .numaRemoteMemory, ceiling: .warning,
        title: "The reserved huge pages are on another memory node than the programs",
        explanation: Explanation(
            what: """
                Huge pages can be reserved in advance, in a pool on each memory node. A program \
                gets pages of its own node's pool first, and of another one when that is empty.
                """,
            why: """
                Programs on the empty node get pages of the other one: each access then crosses \
                the link between the processors. Buffers in reserved pages are the busiest ones.
                """,
            seen: """
                The pools of the nodes as /sys shows them. It is a warning where the pages that a \
                rank has lie on another node than its threads, and its own node's pool has none.
                """,
            fix: "A larger pool on the node where the program runs; then its pages are moved.",
            avoid: """
                Memory in a pool is lost to everything else. Where nobody holds far pages, leave \
                it when the programs on that node have all the pages they want.
                """,
            verify: "free_hugepages of that node is above 0; numa_maps shows N= of that node.",
            sources: ["Documentation/admin-guide/mm/hugetlbpage.rst", "migratepages(8)"])
    ) { observation throws(Unavailable) in
        observation.poolFindings("hugetlb-pool-per-node") { $0.pageBytes < gibibyte }
    }

    package static let hugepage1GBoot = Rule(
        id: "hugepage-1g-boot", cause: .numaRemoteMemory, ceiling: .warning,
        title: "The reserved pages of 1 GiB are on another memory node than the programs",
        explanation: Explanation(
            what: """
                Pages of 1 GiB come from a pool on each memory node. After the start of the host \
                there is hardly a free piece of that size left, so the pool is filled at boot.
                """,
            why: "A program on a node with an empty pool gets pages of another node, or none.",
            seen: """
                One node's pool of 1 GiB pages is empty or missing and another one's is not; a \
                warning where a rank holds such far pages.
                """,
            fix: "Reserves the pages for each node on the kernel command line.",
            avoid: """
                Most programs never ask for 1 GiB pages; memory in the pool is lost to the others. \
                Nothing is said where no node has such a pool.
                """,
            verify: "nr_hugepages of each node after the boot.",
            sources: [
                "Documentation/admin-guide/kernel-parameters.txt (hugepages=)",
                "Documentation/admin-guide/mm/hugetlbpage.rst",
            ])
    ) { observation throws(Unavailable) in
        observation.poolFindings("hugepage-1g-boot") { $0.pageBytes >= gibibyte }
    }
}

/// A node whose pool has no page to give while another one's has or had.
struct WrongPool {
    var empty: HugepagePool
    /// Pages of that size on other nodes: free ones, and those that ranks of the node hold.
    var freeElsewhere: Int64
    var heldElsewhere: Int64
    var ranks: [PlacedProcess]
    /// Nodes that the ranks' pages lie on.
    var far: [Int]

    /// Pages that the node needs in all.
    var wanted: Int64 {
        let more = ranks.isEmpty ? freeElsewhere : heldElsewhere
        let (sum, overflow) = empty.total.addingReportingOverflow(more)
        return overflow ? .max : sum
    }
}

extension Observation {
    /// The pools now, or as they were at the start.
    private var pools: [HugepagePool] {
        let now = optional(NodeMemory.self)?.nodes.flatMap(\.hugepages) ?? []
        return now.isEmpty ? facts.hugepages : now
    }

    /// Empty pools of nodes whose ranks hold pages of other nodes.
    func wrongPools(_ ranks: [PlacedProcess]) -> [WrongPool] {
        pools.filter { $0.free <= 0 && $0.pageBytes > 0 }.compactMap { pool in
            let others = pools.filter { $0.pageBytes == pool.pageBytes && $0.node != pool.node }
            let stocked = others.filter { $0.total > 0 }.map(\.node)
            var far: [Int: UInt64] = [:]
            let hit = ranks.filter { rank in
                guard rank.time.main == pool.node, let memory = rank.process.memory else {
                    return false
                }
                let away = memory.hugetlb.filter {
                    stocked.contains($0.key) && !rank.home.contains($0.key) && $0.value > 0
                }
                let bytes = NodeShares([away]).total
                guard remoteBytes.isReached(by: PlacementText.mebibytes(bytes)) else {
                    return false
                }
                for (node, bytes) in away { far[node, default: 0] &+= bytes }
                return true
            }
            guard !hit.isEmpty else { return nil }
            let pages = far.values.reduce(0, &+) / pool.pageBytes
            return WrongPool(
                empty: pool, freeElsewhere: others.reduce(0) { $0 &+ $1.free },
                heldElsewhere: Int64(clamping: pages), ranks: hit, far: far.keys.sorted())
        }
    }

    fileprivate func poolFindings(
        _ rule: String, _ isMeant: (HugepagePool) -> Bool
    ) -> [Finding] {
        let placed = (try? placedThreads()).flatMap { $0 }.map { placedRanks($0) } ?? []
        let wrong = wrongPools(placed).filter { isMeant($0.empty) }
        let named = Set(wrong.map(\.empty.node))
        let empty = pools.filter { $0.total > 0 && $0.free == 0 && isMeant($0) }
            .filter { !named.contains($0.node) }
            .compactMap { pool -> WrongPool? in
                let elsewhere =
                    pools
                    .filter { $0.pageBytes == pool.pageBytes && $0.node != pool.node }
                    .reduce(0) { $0 &+ $1.free }
                guard elsewhere > 0 else { return nil }
                return WrongPool(
                    empty: pool, freeElsewhere: elsewhere, heldElsewhere: 0, ranks: [], far: [])
            }
        return (wrong + empty).map { finding(rule, $0) }
    }

    private func finding(_ rule: String, _ wrong: WrongPool) -> Finding {
        let pool = wrong.empty
        let kilobytes = pool.pageBytes >> 10
        let isMeasured = !wrong.ranks.isEmpty && job.scope == .processes
        let path =
            "/sys/devices/system/node/node\(pool.node)/hugepages/"
            + "hugepages-\(kilobytes)kB/nr_hugepages"
        var finding = Finding(
            rule: rule, cause: .numaRemoteMemory, severity: isMeasured ? .warning : .info,
            confidence: isMeasured ? .associated : .configuration,
            summary: summary(wrong, kilobytes),
            culprit: FindingCulprit(kind: .setting, id: path, name: path),
            affected: wrong.ranks.flatMap { affected($0) },
            evidence: [
                Evidence(
                    name: "free pages on node \(pool.node)", value: Double(pool.free),
                    unit: "pages", threshold: 0, source: "none left"),
                Evidence(
                    name: "free pages on other nodes", value: Double(wrong.freeElsewhere),
                    unit: "pages"),
                remoteBytes.evidence(
                    "reserved pages of ranks on other nodes",
                    PlacementText.mebibytes(
                        Double(wrong.heldElsewhere) * Double(pool.pageBytes))),
            ],
            fix: pool.pageBytes >= gibibyte ? atBoot(wrong, kilobytes) : larger(wrong, path),
            verify: "`cat \(path)` shows \(wrong.wanted)")
        finding.estimate =
            wrong.ranks.map { rank in
                let busiest = rank.threads.map { share($0.time[.running], of: $0) }.max() ?? 0
                return Placement.remoteCost * (rank.memory?.share(outside: rank.home) ?? 0)
                    * min(1, busiest)
            }.max() ?? 0
        return finding
    }

    private func summary(_ wrong: WrongPool, _ kilobytes: UInt64) -> String {
        let pool = wrong.empty
        guard let rank = wrong.ranks.first else {
            return """
                all \(pool.total) reserved \(kilobytes) kB pages of node \(pool.node) are in use, \
                \(wrong.freeElsewhere) are free on other nodes
                """
        }
        return """
            \(rank.words) runs on node \(pool.node), whose pool has no free \(kilobytes) kB page \
            (\(pool.total) in all): \(wrong.heldElsewhere) of its pages lie on \
            \(PlacementText.nodes(wrong.far))
            """
    }

    private func larger(_ wrong: WrongPool, _ path: String) -> Fix {
        let pool = wrong.empty
        let more = UInt64(clamping: wrong.wanted &- pool.total)
        var fix = Fix.file(
            path, to: "\(wrong.wanted)", from: "\(pool.total)",
            called: "hugetlb-node\(pool.node)-\(pool.pageBytes >> 10)kB",
            risk: """
                takes \(more &* (pool.pageBytes >> 20)) MiB of node \(pool.node) from all other \
                uses; the file shows fewer where no pieces of that size are left
                """)
        guard !wrong.ranks.isEmpty else { return fix }
        let far = CPUList(wrong.far).description
        fix.commands += wrong.ranks.prefix(Placement.mostCommands).map {
            "migratepages \($0.pid) \(far) \(pool.node)"
        }
        fix.risk += """
            . Moving the pages needs the package numactl and may be refused for pinned ones: then \
            start the rank again
            """
        return fix
    }

    private func atBoot(_ wrong: WrongPool, _ kilobytes: UInt64) -> Fix {
        let size = kilobytes >> 20
        let counts = pools.filter { $0.pageBytes == wrong.empty.pageBytes }
            .sorted { $0.node < $1.node }
            .map { "\($0.node):\($0.node == wrong.empty.node ? wrong.wanted : $0.total)" }
        let words = "hugepagesz=\(size)G hugepages=\(counts.joined(separator: ","))"
        return Fix(
            commands: [Fix.atBoot], persist: ["add to the kernel command line: \(words)"],
            rollback: ["remove these words from the kernel command line"],
            risk: "The reserved memory is lost to everything else, used or not.",
            needsReboot: true)
    }
}
