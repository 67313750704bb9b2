import Host
import Signals
import Training

extension Rule {
    package static let cpusetSpansNodes = Rule(
        id: "cpuset-spans-nodes", cause: .placement, ceiling: .warning,
        title: "The CPUs that were given to a rank lie on several memory nodes",
        explanation: Explanation(
            what: """
                A control group (cpuset) or a mask says which CPUs a rank may use. Here somebody \
                picked CPUs of more than one memory node, though those of one would be enough.
                """,
            why: """
                The scheduler then moves threads between the nodes, and their memory stays where \
                it was: accesses cross the slow link between the processors.
                """,
            seen: """
                The mask of the rank's main thread against the nodes of the host. It is a warning \
                only where threads were measured to wander between these nodes, to run away from \
                their memory, or where the rank and its loaders were spread over them.
                """,
            fix: "Leaves the rank those of its CPUs that lie on the node of its memory.",
            avoid: """
                Not where the rank and its loaders need all of the CPUs. A set that a batch \
                system or the kubelet chose must be changed there.
                """,
            verify: "Cpus_allowed_list in /proc/PID/status lists CPUs of one node.",
            sources: [
                "Documentation/admin-guide/cgroup-v2.rst (cpuset)", "cpuset(7)", "taskset(1)",
                "https://docs.pytorch.org/docs/main/elastic/numa.html",
            ]),
        check: { observation throws(Unavailable) in
            guard let threads = try observation.placedThreads() else { return [] }
            let sets = observation.spanningSets(threads)
            return sets.prefix(1).map { observation.finding($0, sets, threads) }
        })
}

private let spreadShare = Limit(0.2, "share of CPU time", source: "judgement")

/// A rank that was given CPUs of several nodes and would fit on one, loaders and all.
struct SpanningSet {
    var placed: PlacedProcess
    var loaders: [PlacedProcess]
    /// CPU time by node of rank and loaders.
    var time: NodeShares
    var allowed: CPUList
    /// The node to stay on.
    var node: Int
    /// What was measured of it; 0 where nothing was.
    var estimate: Double
    var wanderers: [ThreadActivity]
    var isRemote: Bool

    /// Rank and loaders work on different nodes, which hand batches over to each other.
    var isSpread: Bool {
        !loaders.isEmpty && spreadShare.isReached(by: time.shareOffMain)
            && Placement.leastCPU.isReached(by: loaders.reduce(0) { $0 + $1.busyCPUs })
    }
    var isMeasured: Bool { isRemote || isSpread || !wanderers.isEmpty }
}

extension Observation {
    /// The gravest first. A rank that may use every CPU was not given any.
    func spanningSets(_ threads: Threads) -> [SpanningSet] {
        let topology = facts.topology
        let remote = remoteMemory(threads)
        return placedRanks(threads).compactMap { placed -> SpanningSet? in
            guard let mask = placed.process.allowed?.intersection(topology.usable),
                !topology.usable.subtracting(mask).isEmpty, topology.nodes(of: mask).count > 1,
                Placement.leastCPU.isReached(by: placed.busyCPUs)
            else { return nil }
            let room = Dictionary(
                topology.nodes.map { ($0.id, $0.cpus.intersection(mask).count) },
                uniquingKeysWith: { first, _ in first })
            let loaders = loaders(of: [placed], threads).flatMap { $0 }
            var all = placed
            all.busyCPUs += loaders.reduce(0) { $0 + $1.busyCPUs }
            guard let node = preferredNode(all, room: room) else { return nil }
            let time = NodeShares(([placed] + loaders).flatMap { $0.threads.map(\.timeByNode) })
            let wanderers = index(threads).critical.filter {
                $0.pid == placed.pid && isDrifting($0)
            }
            let away = remote.first { $0.placed.pid == placed.pid && !$0.isOnPurpose }
            var set = SpanningSet(
                placed: placed, loaders: loaders, time: time, allowed: mask, node: node,
                estimate: max(
                    wanderers.map { driftEstimate($0) }.max() ?? 0, away.map { estimate($0) } ?? 0),
                wanderers: wanderers, isRemote: away != nil)
            if set.isSpread {
                let most = Placement.remoteCost * time.shareOffMain * min(1, all.busyCPUs)
                set.estimate = max(set.estimate, most)
            }
            return set
        }
        .sorted { ($1.estimate, $0.placed.pid) < ($0.estimate, $1.placed.pid) }
    }

    fileprivate func finding(
        _ worst: SpanningSet, _ all: [SpanningSet], _ threads: Threads
    ) -> Finding {
        let placed = worst.placed
        let nodes = facts.topology.nodes(of: worst.allowed)
        let isWarning = all.contains(where: \.isMeasured) && job.scope == .processes
        let wanderers = all.flatMap(\.wanderers).map(\.tid)
        let losses = losses(in: threads, of: wanderers, behind: \.isMigration)
        let ran =
            worst.isSpread
            ? ", and it and its loaders are spread over these"
            : placed.home.count > 1 ? ", and its threads ran on all of these" : ""
        let more = all.count > 1 ? "; \(all.count - 1) more ranks likewise" : ""
        var finding = Finding(
            rule: "cpuset-spans-nodes", cause: .placement,
            severity: isWarning ? .warning : .info,
            confidence: isWarning ? .associated : .configuration,
            summary: """
                \(placed.words) was given CPUs \(worst.allowed.description) of \
                \(PlacementText.nodes(nodes))\(ran); those of node \(worst.node) would be \
                enough\(more)
                """,
            culprit: FindingCulprit(
                kind: .setting, id: "cpuset", name: worst.allowed.description),
            affected: all.flatMap { affected($0.placed) },
            evidence: [
                Evidence(
                    name: "nodes of its CPUs", value: Double(nodes.count), unit: "nodes",
                    threshold: 2, source: "Documentation/admin-guide/cgroup-v2.rst"),
                Evidence(
                    name: "threads that wander", value: Double(worst.wanderers.count),
                    unit: "threads"),
                spreadShare.evidence(
                    "CPU time of rank and loaders off one node", worst.time.shareOffMain),
                Placement.leastCPU.evidence("CPUs kept busy", placed.busyCPUs),
            ] + nodeEvidence(placed),
            fix: narrowing(all),
            verify: "Cpus_allowed_list in /proc/\(placed.pid)/status lists CPUs of one node",
            claims: losses.flatMap(\.claims))
        finding.estimate = worst.estimate
        return finding
    }

    private func narrowing(_ sets: [SpanningSet]) -> Fix {
        var fix = Fix(
            commands: [],
            risk: """
                The rank and its loaders are left with fewer CPUs. If its GPU sits on another node, choose that one. migratepages \
                is in the package numactl and is not undone by the rollback.
                """,
            managedBy: manager("kubelet", "slurmd"))
        for set in sets.prefix(Placement.mostCommands) {
            let cpus = facts.topology.cpus(of: set.node).intersection(set.allowed)
            if let group = ownGroup(of: set, among: sets) {
                let file = shellWord("\(group.group.folder)/cpuset.cpus")
                fix.commands.append("echo \(cpus.description) > \(file)")
                fix.rollback.append("echo \(set.allowed.description) > \(file)")
            } else {
                let all = ([set.placed] + set.loaders).prefix(Placement.mostCommands)
                let binds = all.map { bindAll($0, to: cpus) }
                fix.commands += binds.map(\.to)
                fix.rollback += binds.map(\.back)
            }
            fix.commands += memory(of: set.placed, to: set.node)
            fix.persist = [
                "numactl --physcpubind=\(cpus.description) --preferred=\(set.node) COMMAND"
            ]
        }
        return fix
    }

    /// The control group that hands out this very set, where it holds no other rank: the innermost
    /// one, whose file no group below takes as its limit.
    private func ownGroup(of set: SpanningSet, among sets: [SpanningSet]) -> GroupCPUs? {
        guard let group = cpusets(of: set.placed.pid).last, group.cpus == set.allowed,
            CgroupPaths.owner(group.group.path) == nil
        else { return nil }
        let holdsOthers = sets.contains {
            $0.placed.pid != set.placed.pid && group.group.pids.contains($0.placed.pid)
        }
        return holdsOthers ? nil : group
    }
}
