import Host
import Signals
import Training

private let offMain = Limit(0.2, "share of CPU time", source: "judgement")
private let moveRate = Limit(
    0.2, "moves/s", source: "judgement: who moves once in the window does not drift")
/// Memory of which less lies on one node has no place to go back to. Judgement.
private let gathered = 0.6

extension Rule {
    package static let numaThreadDrift = Rule(
        id: "numa-thread-drift", cause: .threadMigration, ceiling: .warning,
        title: "Critical threads wander between memory nodes",
        explanation: Explanation(
            what: """
                Each processor has memory of its own. The scheduler may move a thread to any CPU \
                that its mask allows, on the other processor too; its memory stays behind.
                """,
            why: """
                For as long as the thread is away, each cache miss crosses the link between the \
                processors; and each move leaves all caches cold. Steps become uneven, and the \
                slowest rank sets the pace.
                """,
            seen: """
                A launch or communication thread spent at least 20 % of its CPU time on other \
                nodes than its main one, and kept moving. What it lost by that is measured only \
                as far as it waited to be moved.
                """,
            fix: """
                Binds the process to the CPUs of one node: the one that holds its memory, or the \
                one it ran on most. Ranks that do not fit on one node are spread over several.
                """,
            avoid: """
                Not for a process that needs more CPUs than a node has. The mask lasts as long as \
                the process: bind it where it is started.
                """,
            verify: "stoker diagnose: the thread runs on one node for more than 80 % of its time.",
            sources: [
                "Documentation/scheduler/sched-domains.rst", "taskset(1)", "numactl(8)",
                "https://docs.pytorch.org/docs/main/elastic/numa.html",
            ]),
        check: { observation throws(Unavailable) in
            guard let threads = try observation.placedThreads() else { return [] }
            return observation.drifts(threads)
        })
}

extension Observation {
    /// Whether a thread lives on several nodes and keeps moving between them, by itself.
    func isDrifting(_ thread: ThreadActivity) -> Bool {
        let time = NodeShares([thread.timeByNode])
        guard facts.topology.hasNodes, isLongLived(thread), !isMaskRewritten(thread),
            offMain.isReached(by: time.shareOffMain),
            Placement.leastCPU.isReached(by: time.total / Double(max(1, whole.nanoseconds))),
            moveRate.isReached(by: whole.perSecond(thread.nodeMigrations))
        else { return false }
        return isSustained { window throws(Unavailable) in
            let moved = try window(Threads.self).threads.contains {
                $0.tid == thread.tid && $0.nodeMigrations > 0
            }
            return moved ? window.nanoseconds : 0
        }
    }

    fileprivate func drifts(_ threads: Threads) -> [Finding] {
        // A mask that somebody set across nodes is what `cpuset-spans-nodes` is about.
        let spread = Set(spanningSets(threads).map(\.placed.pid))
            .union(ranksFarFromGPU(threads).map(\.placed.pid))
        let hit = index(threads).critical
            .filter { !spread.contains($0.pid) && isDrifting($0) }
            .sorted { ($1.timeOff, $0.tid) < ($0.timeOff, $1.tid) }
        guard let worst = hit.first else { return [] }
        let time = NodeShares([worst.timeByNode])
        let losses = losses(in: threads, of: hit.map(\.tid), behind: \.isMigration)
        var finding = Finding(
            rule: "numa-thread-drift", cause: .threadMigration,
            severity: job.scope == .processes ? .warning : .info,
            confidence: losses.isEmpty ? .associated : .measured,
            summary: summary(worst, time, hit.count - 1),
            culprit: FindingCulprit(kind: .setting, id: "CPU affinity", name: "CPU affinity"),
            affected: hit.map { affected($0) },
            evidence: [
                offMain.evidence("CPU time off its main node", time.shareOffMain),
                moveRate.evidence(
                    "moves to another node", whole.perSecond(worst.nodeMigrations)),
            ] + (job.process(worst.pid).map { nodeEvidence(placed($0, threads)) } ?? []),
            fix: gathering(hit, threads),
            verify: "stoker diagnose: less than 20 % of its CPU time on other nodes",
            claims: losses.flatMap(\.claims))
        finding.estimate = hit.map { driftEstimate($0) }.max() ?? 0
        return [finding]
    }

    /// How grave it may be: the time that the thread ran off its main node.
    func driftEstimate(_ thread: ThreadActivity) -> Double {
        let off = NodeShares([thread.timeByNode]).shareOffMain
        return Placement.remoteCost * off * min(1, share(thread.time[.running], of: thread))
    }

    private func summary(_ thread: ThreadActivity, _ time: NodeShares, _ others: Int) -> String {
        let nodes = time.amounts.filter { $0.value > 0 }.keys.sorted()
        let parts = nodes.map { "\(SchedulingText.percent(time.share(of: $0))) on node \($0)" }
        let rate = SchedulingText.oneDecimal(whole.perSecond(thread.nodeMigrations))
        let memory = job.process(thread.pid)?.memory.flatMap {
            NodeShares([$0.anonymous, $0.shared, $0.hugetlb]).main
        }
        let place = memory.map { "; most of its memory is on node \($0)" } ?? ""
        let more = others > 0 ? "; \(others) more threads likewise" : ""
        return """
            \(job.role(thread.tid).rawValue) thread \(thread.tid) (\(thread.name)) wanders between \
            \(PlacementText.nodes(nodes)) \(rate) times/s: \(parts.joined(separator: ", ")) of its \
            CPU time\(place)\(more)
            """
    }

    /// Binds each process to one node, and fills no node with more than its CPUs can do.
    private func gathering(_ hit: [ThreadActivity], _ threads: Threads) -> Fix {
        var room: [Int: Int] = [:]
        for node in facts.topology.nodes {
            room[node.id] = facts.topology.cpus(of: node.id).count
        }
        var fix = Fix(commands: [], risk: "")
        var seen: Set<Int32> = []
        for pid in hit.map(\.pid) where seen.insert(pid).inserted {
            guard seen.count <= Placement.mostCommands, let process = job.process(pid) else {
                continue
            }
            let placed = placed(process, threads)
            guard let node = preferredNode(placed, room: room) else { continue }
            room[node, default: 0] -= placed.neededCPUs
            let bind = bindAll(placed, to: local(node, for: placed))
            fix.commands += [bind.to] + memory(of: placed, to: node)
            fix.rollback.append(bind.back)
            fix.persist = ["numactl --cpunodebind=\(node) --preferred=\(node) COMMAND"]
        }
        fix.commands = fix.commands.or("# no node has CPUs enough for the process: leave it")
        fix.risk = """
            A bound process cannot use idle CPUs of other nodes; keep other work off its own. If \
            its GPU sits on another node, name that node's CPUs instead. migratepages is in the \
            package numactl and is not undone by the rollback.
            """
        fix.managedBy = manager("kubelet", "slurmd", "numad")
        return fix
    }

    /// Brings the memory along where much of it lies elsewhere, or the next finding is about that.
    func memory(of placed: PlacedProcess, to node: Int) -> [String] {
        guard let memory = placed.memory, RemoteMemory.isMuch(memory, outside: [node]) else {
            return []
        }
        let from = memory.outside([node]).amounts.filter { $0.value > 0 }.keys
        return ["migratepages \(placed.pid) \(CPUList(from).description) \(node)"]
    }

    /// The node's CPUs that the process may use already, where they are enough, else all of them.
    private func local(_ node: Int, for placed: PlacedProcess) -> CPUList {
        let all = facts.topology.cpus(of: node)
        let allowed = all.intersection(placed.process.allowed ?? all)
        return allowed.count >= placed.neededCPUs ? allowed : all
    }

    /// Where the memory is, else where it ran most, if there is room; else any node with room.
    func preferredNode(_ placed: PlacedProcess, room: [Int: Int]) -> Int? {
        let memory = placed.memory.flatMap { memory in
            memory.main.flatMap { memory.share(of: $0) >= gathered ? $0 : nil }
        }
        let wanted = [gpuNode(placed.process), memory, placed.time.main].compactMap { $0 }
        let others = room.keys.sorted { (room[$1] ?? 0, $0) < (room[$0] ?? 0, $1) }
        return (wanted + others).first { room[$0] ?? 0 >= placed.neededCPUs }
    }
}

extension ThreadActivity {
    /// CPU time off the main node, ns.
    fileprivate var timeOff: Double {
        let time = NodeShares([timeByNode])
        return time.total * time.shareOffMain
    }
}

extension Culprit {
    /// The kernel's migration thread: who waits behind it waits to be moved.
    var isMigration: Bool { kind == .kthread && name.hasPrefix("migration/") }
}
