import Host
import Signals
import Training

private let awayShare = Limit(0.5, "share of CPU time", source: "judgement")

extension Rule {
    package static let loadersAcrossNodes = Rule(
        id: "loaders-across-nodes", cause: .placement, ceiling: .info,
        title: "Data loaders run on another memory node than the rank they feed",
        explanation: Explanation(
            what: """
                Loader processes read and prepare batches and hand them over in shared memory. \
                That memory lies on the node where the loader ran when it filled it.
                """,
            why: """
                Each batch then crosses the link between the processors once more on its way to \
                the GPU. It matters where batches are large; else loaders have time enough.
                """,
            seen: """
                Loader processes spent at least half of their CPU time on nodes where their rank \
                does not run. What that costs the rank is not measured.
                """,
            fix: "Binds the loaders to the rank's node.",
            avoid: "Not where that node has too few CPUs for rank and loaders together.",
            verify: "stoker diagnose: the loaders run on the rank's node.",
            sources: [
                "https://docs.pytorch.org/docs/main/elastic/numa.html", "taskset(1)",
                "Documentation/admin-guide/mm/numa_memory_policy.rst",
            ]),
        check: { observation throws(Unavailable) in
            guard let threads = try observation.placedThreads() else { return [] }
            return observation.farLoaders(threads)
        })
}

extension Observation {
    fileprivate func farLoaders(_ threads: Threads) -> [Finding] {
        let ranks = placedRanks(threads).filter { $0.home.count == 1 }
        let far = zip(ranks, loaders(of: ranks, threads)).flatMap { rank, loaders in
            loaders
                .filter {
                    awayShare.isReached(by: $0.time.share(outside: rank.home))
                        && !$0.time.amounts.isEmpty
                }
                .map { (loader: $0, rank: rank) }
        }
        .sorted { ($1.loader.busyCPUs, $0.loader.pid) < ($0.loader.busyCPUs, $1.loader.pid) }
        let busy = far.reduce(0) { $0 + $1.loader.busyCPUs }
        guard let (worst, rank) = far.first, Placement.leastCPU.isReached(by: busy),
            let home = rank.home.first
        else { return [] }
        let away = worst.time.outside(rank.home)
        let binds = far.prefix(Placement.mostCommands).map {
            bindAll($0.loader, to: facts.topology.cpus(of: $0.rank.home.first ?? home))
        }
        return [
            Finding(
                rule: "loaders-across-nodes", cause: .placement, severity: .info,
                confidence: .associated,
                summary: """
                    \(far.count) loader processes run on other nodes than their ranks: \
                    \(worst.words) on \(PlacementText.nodes(away.main.map { [$0] } ?? [])), rank \
                    \(rank.pid) on node \(home)
                    """,
                culprit: FindingCulprit(
                    kind: .process, id: "\(worst.pid)", name: worst.process.name),
                affected: far.flatMap { affected($0.loader) },
                evidence: [
                    awayShare.evidence(
                        "CPU time off the rank's node", worst.time.share(outside: rank.home)),
                    Placement.leastCPU.evidence("CPUs kept busy", busy),
                ],
                fix: Fix(
                    commands: binds.map(\.to),
                    persist: ["numactl --cpunodebind=\(home) --preferred=\(home) COMMAND"],
                    rollback: binds.map(\.back),
                    risk: """
                        Rank and loaders share the CPUs of one node: watch that launch threads do \
                        not wait for a CPU afterwards.
                        """,
                    managedBy: manager("kubelet", "slurmd")),
                verify: "stoker diagnose: the loaders run on the rank's node")
        ]
    }

    /// Loader processes that descend from each of `ranks`, in their order.
    func loaders(of ranks: [PlacedProcess], _ threads: Threads) -> [[PlacedProcess]] {
        let parents = Dictionary(
            job.processes.map { ($0.pid, $0.parent) }, uniquingKeysWith: { first, _ in first })
        let pids = index(threads).loaderPids
        let loaders = placed(job.processes.filter { pids.contains($0.pid) }, threads)
        return ranks.map { rank in
            loaders.filter { $0.pid != rank.pid && isChild($0.pid, of: rank.pid, parents) }
        }
    }

    private func isChild(_ pid: Int32, of rank: Int32, _ parents: [Int32: Int32]) -> Bool {
        var seen: Set<Int32> = []
        var ancestor = parents[pid]
        while let current = ancestor, current > 1, seen.insert(current).inserted {
            if current == rank { return true }
            ancestor = parents[current]
        }
        return false
    }
}
