import Host
import Signals
import Training

private let full = Limit(2, "%", source: "judgement: the node is at its watermarks")
private let roomy = Limit(20, "%", source: "judgement")
private let cached = Limit(30, "%", source: "judgement")
private let missRate = Limit(1_000, "pages/s", source: "judgement: 4 MB of memory a second")

extension Rule {
    package static let nodeCacheExhaustion = Rule(
        id: "node-cache-exhaustion", cause: .numaRemoteMemory, ceiling: .warning,
        title: "File contents fill a rank's memory node, and new memory comes from another one",
        explanation: Explanation(
            what: """
                The kernel keeps the contents of files in free memory. When one node is full of \
                them, it gives out memory of another node rather than to throw them away.
                """,
            why: """
                New buffers of ranks on the full node then lie far away for as long as they live, \
                however well the ranks are bound.
                """,
            seen: """
                A node that ranks run on has less than 2 % free while another has more than 20 %, \
                file contents hold 30 % and more of it, and at least 1,000 pages a second were \
                wanted there and given elsewhere.
                """,
            fix: "Throws out the cached file contents before the next job starts.",
            avoid: """
                Not during a job: its data set in memory is lost and must be read again. Leave \
                vm.zone_reclaim_mode alone: it makes threads do this work one by one.
                """,
            verify: "numa_foreign of the node in numastat no longer grows.",
            sources: [
                "Documentation/admin-guide/numastat.rst", "Documentation/admin-guide/sysctl/vm.rst",
            ]),
        check: { observation throws(Unavailable) in
            guard let threads = try observation.placedThreads() else { return [] }
            let nodes = try observation.whole(NodeMemory.self).nodes
            let home = Set(observation.placedRanks(threads).flatMap(\.home))
            return nodes.filter { home.contains($0.id) }.compactMap {
                observation.exhausted($0, nodes, threads)
            }
        })
}

extension Observation {
    fileprivate func exhausted(
        _ node: NodeMemoryActivity, _ nodes: [NodeMemoryActivity], _ threads: Threads
    ) -> Finding? {
        let others = nodes.filter { $0.id != node.id && $0.total > 0 }
        let rate = whole.perSecond(node.foreign)
        guard node.total > 0, !full.isReached(by: node.freePercent),
            let best = others.max(by: { $0.freePercent < $1.freePercent }),
            roomy.isReached(by: best.freePercent), cached.isReached(by: node.filePercent),
            missRate.isReached(by: rate)
        else { return nil }
        let local = threads.threads.filter { NodeShares([$0.timeByNode]).main == node.id }
        let faults = local.reduce(UInt64(0)) { $0 &+ $1.minorFaults }
        // A page that is given out takes a page fault: fewer faults, and it was somebody else's.
        let isOurs = faults >= node.foreign && job.scope == .processes
        return Finding(
            rule: "node-cache-exhaustion", cause: .numaRemoteMemory,
            severity: isOurs ? .warning : .info,
            confidence: isOurs ? .associated : .configuration,
            summary: """
                node \(node.id), where ranks run, is full (\(briefFigure(node.filePercent)) % file \
                contents): \(briefFigure(rate)) pages/s that were wanted there came from other \
                nodes; node \(best.id) has \(briefFigure(best.freePercent)) % free
                """,
            culprit: FindingCulprit(
                kind: .setting, id: "page cache", name: "page cache of node \(node.id)"),
            affected: isOurs ? local.filter { $0.minorFaults > 0 }.map { affected($0) } : [],
            evidence: [
                full.evidence("free memory of node \(node.id)", node.freePercent),
                roomy.evidence("free memory of node \(best.id)", best.freePercent),
                cached.evidence("file contents on node \(node.id)", node.filePercent),
                missRate.evidence("pages given by other nodes instead", rate),
            ],
            fix: Fix(
                commands: ["sync", "echo 1 > /proc/sys/vm/drop_caches"],
                persist: ["# the same lines in the prologue of each job"],
                risk: """
                    Between two jobs only: what was cached must be read again. Memory that lies \
                    far already stays there until the next start.
                    """),
            verify: "`cat /sys/devices/system/node/node\(node.id)/numastat` twice: the same "
                + "numa_foreign")
    }
}

extension NodeMemoryActivity {
    fileprivate var freePercent: Double { percent(free) }
    fileprivate var filePercent: Double { percent(file) }

    private func percent(_ bytes: UInt64) -> Double {
        total > 0 ? 100 * Double(bytes) / Double(total) : 0
    }
}
