import Host
import Signals
import Training

/// Memory on one node with at least this part of it is worth moving threads to. Judgement.
private let gathered = 0.75

/// How threads and memory of one rank come together again.
private enum Reunion {
    case threads(to: Int, CPUList)
    case memory(from: [Int], to: Int)
    /// Only a new start helps.
    case restart(on: Int)
}

extension Observation {
    func remoteMemoryFix(_ remote: [RemoteMemory], _ threads: Threads) -> Fix {
        var fix = Fix(commands: [], risk: "")
        var risks: [String] = []
        for one in remote.prefix(Placement.mostCommands) {
            let way = reunion(one, threads)
            add(way, for: one, to: &fix)
            let risk = risk(of: way, one)
            if !risks.contains(risk) { risks.append(risk) }
        }
        fix.risk = risks.joined(separator: " ")
        fix.managedBy = manager("kubelet", "slurmd", "numad")
        return fix
    }

    private func reunion(_ remote: RemoteMemory, _ threads: Threads) -> Reunion {
        let placed = remote.placed
        guard let far = remote.away.main, let home = placed.time.main else {
            return .restart(on: remote.placed.home.first ?? 0)
        }
        let cpus = reachable(far, placed, threads)
        let canMoveThreads =
            (placed.memory?.share(of: far) ?? 0) >= gathered && cpus.count >= placed.neededCPUs
        let isAllowed = placed.process.allowedNodes?.contains(home) ?? true
        // Threads that are beside their GPU stay there.
        let isByGPU = gpuNode(placed.process) == home
        if canMoveThreads && !isByGPU && (remote.isHeld || !hasRoom(on: home, for: remote.bytes)) {
            return .threads(to: far, cpus)
        }
        guard isAllowed, hasRoom(on: home, for: remote.bytes) else { return .restart(on: home) }
        let from = remote.away.amounts.filter { $0.value > 0 }.keys.sorted()
        return .memory(from: from, to: home)
    }

    /// CPUs of the node that the process may be sent to: its control groups' and nobody else's.
    private func reachable(
        _ node: Int, _ placed: PlacedProcess, _ threads: Threads
    ) -> CPUList {
        let free = freeCPUs(of: node, for: placed.pid, in: threads)
        return cpusets(of: placed.pid).reduce(free) { $0.intersection($1.cpus) }
    }

    private func hasRoom(on node: Int, for bytes: Double) -> Bool {
        guard let nodes = optional(NodeMemory.self)?.nodes,
            let now = nodes.first(where: { $0.id == node }), now.total > 0
        else { return true }
        return Double(now.free) + Double(now.file) > bytes
    }

    private func add(_ way: Reunion, for remote: RemoteMemory, to fix: inout Fix) {
        let pid = remote.placed.pid
        switch way {
        case .threads(let node, let cpus):
            let bind = bindAll(remote.placed, to: cpus)
            fix.commands.append(bind.to)
            fix.rollback.append(bind.back)
            fix.keep(start(on: node))
        case .memory(let from, let home):
            let nodes = CPUList(from).description
            let local = facts.topology.cpus(of: home)
            if let allowed = remote.placed.process.allowed,
                !allowed.subtracting(local).isEmpty, local.count >= remote.placed.neededCPUs
            {
                let kept = local.intersection(allowed)
                let bind = bindAll(remote.placed, to: kept.isEmpty ? local : kept)
                fix.commands.append(bind.to)
                fix.rollback.append(bind.back)
            }
            fix.commands.append("migratepages \(pid) \(nodes) \(home)")
            if from.count == 1 { fix.rollback.append("migratepages \(pid) \(home) \(nodes)") }
            fix.keep(start(on: home))
        case .restart(let node):
            fix.commands.append("# start process \(pid) again: \(start(on: node))")
            fix.keep(start(on: node))
        }
    }

    private func start(on node: Int) -> String {
        "numactl --cpunodebind=\(node) --preferred=\(node) COMMAND"
    }

    private func risk(of way: Reunion, _ remote: RemoteMemory) -> String {
        switch way {
        case .threads(let node, _):
            """
            The threads share node \(node) with whatever runs there, and a control group that \
            owns their CPUs may refuse. If the GPU of this rank sits on the other node, start the \
            rank there instead.
            """
        case .memory where remote.isHeld:
            "The pages move once; new memory still comes from the far node until the next start."
        case .memory:
            """
            The process stands still now and then while its pages are copied (needs the package \
            numactl); pinned pages stay where they are until the next start.
            """
        case .restart:
            """
            There is no room for the memory beside the threads nor for the threads beside the \
            memory, or the control group (cpuset.mems) forbids it: it must be started again.
            """
        }
    }
}

extension Fix {
    /// Adds a line to make it last, once.
    fileprivate mutating func keep(_ line: String) {
        if !persist.contains(line) { persist.append(line) }
    }
}
