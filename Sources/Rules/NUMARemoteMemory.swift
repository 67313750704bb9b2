import Host
import Signals
import Training

private let remoteShare = Limit(
    0.25, "share of memory", source: "judgement: a quarter of the accesses cross the link")
private let remoteBytes = Limit(
    32, "MiB", source: "judgement: less is held by a last-level cache for the most part")

extension Rule {
    package static let numaRemoteMemory = Rule(
        id: "numa-remote-memory", cause: .numaRemoteMemory, ceiling: .warning,
        title: "A rank's memory lies on another memory node than its threads",
        explanation: Explanation(
            what: """
                A host with several processors has several memory nodes. Each CPU reaches the \
                memory of its own node fast, and that of the others over a link that is slower \
                and shared by everybody. Memory stays where it was first touched, or where a \
                policy put it.
                """,
            why: """
                Each cache miss of the launch thread takes half as long again or more, and batches \
                cross the link on their way to the GPU. PyTorch's authors put the usual loss at 1 \
                to 10 %.
                """,
            seen: """
                Stoker takes the nodes on which the threads of a rank spent at least 20 % of their \
                CPU time, and counts the resident bytes (anonymous, shared and reserved huge \
                pages in numa_maps) that lie on any other node. What the distance costs cannot be \
                measured from outside.
                """,
            fix: """
                Moves the threads to the memory where a policy or control group holds it there, \
                else the memory to the threads (migratepages, of the package numactl).
                """,
            avoid: """
                Memory that is spread over all nodes on purpose (interleave) is only reported. \
                Strict binding (--membind) can run one node out of memory: prefer --preferred. If \
                the GPU sits on the threads' node, start the rank anew on that node instead.
                """,
            verify: "stoker diagnose: less than 25 % of the memory on other nodes.",
            sources: [
                "Documentation/admin-guide/mm/numa_memory_policy.rst", "migratepages(8)",
                "https://docs.pytorch.org/docs/main/elastic/numa.html",
                "https://github.com/stas00/ml-engineering (little effect where CPUs idle)",
            ]),
        check: { observation throws(Unavailable) in
            guard let threads = try observation.placedThreads() else { return [] }
            let remote = observation.remoteMemory(threads)
            guard let worst = remote.first else { return [] }
            return [observation.finding(remote, worst, threads)]
        })
}

/// A rank whose memory is away from its threads.
struct RemoteMemory {
    /// What keeps the memory where it is.
    enum Reason: Equatable {
        /// The control group's cpuset.mems.
        case controlGroup([Int])
        /// A policy such as `bind:1`, as the kernel writes it.
        case policy(String)
        /// Spread over nodes on purpose.
        case interleave(String)
        case firstTouch
    }

    var placed: PlacedProcess
    /// Memory outside the nodes that the threads live on.
    var away: NodeShares
    var share: Double
    var reason: Reason

    /// Whether so much lies outside `nodes` that it is worth acting on.
    static func isMuch(_ memory: NodeShares, outside nodes: [Int]) -> Bool {
        remoteShare.isReached(by: memory.share(outside: nodes))
            && remoteBytes.isReached(by: PlacementText.mebibytes(memory.amount(outside: nodes)))
    }

    var bytes: Double { away.total }
    var isOnPurpose: Bool {
        if case .interleave = reason { true } else { false }
    }
    /// The policy or the control group gives new memory on the far node too.
    var isHeld: Bool {
        switch reason {
        case .controlGroup, .policy: true
        case .interleave, .firstTouch: false
        }
    }

    fileprivate var because: String {
        switch reason {
        case .controlGroup(let nodes):
            "its control group gives it memory of \(PlacementText.nodes(nodes)) only"
        case .policy(let policy): "the policy \(policy) puts it there"
        case .interleave(let policy): "the policy \(policy) spreads it on purpose"
        case .firstTouch: "it was first touched there, or the threads have moved since"
        }
    }
}

extension Observation {
    /// Ranks with much memory away from their threads, the most bytes first.
    func remoteMemory(_ threads: Threads) -> [RemoteMemory] {
        // A rank that must move to its GPU takes its memory along.
        let moving = Set(ranksFarFromGPU(threads).map(\.placed.pid))
        return placedRanks(threads).filter { !moving.contains($0.pid) }.compactMap { placed in
            guard Placement.leastCPU.isReached(by: placed.busyCPUs), let memory = placed.memory,
                !placed.home.isEmpty
            else { return nil }
            let away = memory.outside(placed.home)
            let share = memory.share(outside: placed.home)
            guard RemoteMemory.isMuch(memory, outside: placed.home), !isForPool(placed, away)
            else { return nil }
            return RemoteMemory(
                placed: placed, away: away, share: share, reason: reason(placed, away))
        }
        .sorted { ($1.bytes, $0.placed.pid) < ($0.bytes, $1.placed.pid) }
    }

    /// Reserved huge pages that the threads' own node has none of: the pool's rule says so.
    private func isForPool(_ placed: PlacedProcess, _ away: NodeShares) -> Bool {
        guard wrongPools([placed]).first != nil, let memory = placed.process.memory else {
            return false
        }
        return NodeShares([memory.hugetlb]).amount(outside: placed.home) * 2 >= away.total
    }

    private func reason(_ placed: PlacedProcess, _ away: NodeShares) -> RemoteMemory.Reason {
        let home = Set(placed.home)
        if let nodes = placed.process.allowedNodes, !nodes.isEmpty, home.isDisjoint(with: nodes) {
            return .controlGroup(nodes)
        }
        let policies = (placed.process.memory?.policies ?? [:])
            .filter { Double($0.value) * 2 >= away.total }
            .keys.sorted()
        for text in policies {
            if text.hasPrefix("interleave") || text.hasPrefix("weighted interleave") {
                return .interleave(text)
            }
            let nodes = Self.policyNodes(text)
            if !nodes.isEmpty && home.isDisjoint(with: nodes) { return .policy(text) }
        }
        return .firstTouch
    }

    /// The nodes of `bind:1`, `prefer:0`, `bind=static:2-3`; none for `default` and `local`.
    private static func policyNodes(_ text: String) -> [Int] {
        guard let colon = text.lastIndex(of: ":") else { return [] }
        return CPUList(parsing: text[text.index(after: colon)...])?.cpus ?? []
    }

    fileprivate func finding(
        _ remote: [RemoteMemory], _ worst: RemoteMemory, _ threads: Threads
    ) -> Finding {
        let placed = worst.placed
        let isWarning = job.scope == .processes && remote.contains { !$0.isOnPurpose }
        let away = worst.away.amounts.filter { $0.value > 0 }.keys.sorted()
        let more = remote.count > 1 ? "; \(remote.count - 1) more ranks likewise" : ""
        var finding = Finding(
            rule: "numa-remote-memory", cause: .numaRemoteMemory,
            severity: isWarning ? .warning : .info, confidence: .associated,
            summary: """
                \(SchedulingText.percent(worst.share)) of the memory of \(placed.words) lies on \
                \(PlacementText.nodes(away)), and its threads run on \
                \(PlacementText.nodes(placed.home)): \(worst.because)\(more)
                """,
            culprit: FindingCulprit(kind: .process, id: "\(placed.pid)", name: placed.process.name),
            affected: remote.flatMap { affected($0.placed) },
            evidence: [
                remoteShare.evidence("memory away from the threads", worst.share),
                remoteBytes.evidence(
                    "memory away from the threads", PlacementText.mebibytes(worst.bytes)),
                Placement.leastCPU.evidence("CPUs kept busy", placed.busyCPUs),
            ] + nodeEvidence(placed),
            fix: remoteMemoryFix(remote, threads),
            verify: "stoker diagnose: less than 25 % of the memory on other nodes")
        finding.estimate = remote.map { estimate($0) }.max() ?? 0
        return finding
    }

    /// How grave it may be: the launch thread's time on a CPU, as far as its memory is away.
    func estimate(_ remote: RemoteMemory) -> Double {
        let busiest = remote.placed.threads.map { share($0.time[.running], of: $0) }.max() ?? 0
        return Placement.remoteCost * remote.share * min(1, busiest)
    }

    /// CPU time and memory of a process by node.
    func nodeEvidence(_ placed: PlacedProcess) -> [Evidence] {
        let nodes = Set(placed.time.amounts.keys).union(placed.memory?.amounts.keys ?? [:].keys)
        return nodes.sorted().flatMap { node in
            var rows = [
                Evidence(
                    name: "CPU time on node \(node)", value: placed.time.share(of: node),
                    unit: "share of CPU time")
            ]
            if let memory = placed.memory {
                rows.append(
                    Evidence(
                        name: "memory on node \(node)",
                        value: PlacementText.mebibytes(memory.amounts[node] ?? 0), unit: "MiB"))
            }
            return rows
        }
    }
}
