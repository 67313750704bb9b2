import Host
import Signals
package import Training

/// The host's CPUs in two parts: a few for the system, the rest for training.
struct CPUSplit: Equatable {
    var housekeeping: CPUList
    var training: CPUList
}

extension Topology {
    /// CPUs that run, by whatever of the two lists was readable.
    var usable: CPUList {
        online.isEmpty ? CPUList(cpus.filter(\.isOnline).map(\.id)) : online
    }

    /// Keeps the first cores of each node for the system, whole with their hardware threads: two
    /// on nodes of eight cores and more, else one. `nil` on a host too small to spare any.
    var split: CPUSplit? {
        guard usable.count >= 4 else { return nil }
        let parts = nodes.map { $0.cpus.intersection(usable) }.filter { !$0.isEmpty }
        let nodes = usable.count < 8 || parts.isEmpty ? [usable] : parts
        let byNode = CPUList(nodes.flatMap(kept))
        // Nodes of one core each can spare none: then one core serves the whole host.
        let kept = byNode.isEmpty ? CPUList(kept(of: usable)) : byNode
        let rest = usable.subtracting(kept)
        guard !kept.isEmpty, rest.count >= 2 else { return nil }
        return CPUSplit(housekeeping: kept, training: rest)
    }

    /// The hardware threads of one core that run, `id` among them.
    func core(of id: Int) -> CPUList {
        (cpu(id)?.siblings ?? CPUList([])).union(CPUList([id])).intersection(usable)
    }

    /// CPUs that run and share the last-level cache with `id`; only itself when unknown.
    func cacheNeighbours(of id: Int) -> CPUList {
        guard let cache = cpu(id)?.lastLevelCache else { return CPUList([id]) }
        return CPUList(cpus.filter { $0.lastLevelCache == cache }.map(\.id)).intersection(usable)
    }

    private static var manyCores: Int { 8 }

    private func kept(of node: CPUList) -> [Int] {
        var cores: [CPUList] = []
        for id in node.subtracting(isolated).cpus where !cores.contains(where: { $0.contains(id) })
        {
            cores.append(core(of: id))
            if cores.count >= Self.manyCores { return cores.prefix(2).flatMap(\.cpus) }
        }
        return cores.count >= 2 ? cores[0].cpus : []
    }
}

extension Observation {
    /// The CPUs that a thread may use, where they were read.
    func allowed(_ thread: ThreadActivity) -> CPUList? {
        let process = job.process(thread.pid)
        return process?.allowedByThread[thread.tid] ?? process?.allowed
    }

    /// The CPUs that the job as a whole may use.
    var jobCPUs: CPUList {
        let usable = facts.topology.usable
        guard !job.processes.isEmpty, job.processes.allSatisfy({ $0.allowed != nil }) else {
            return usable
        }
        let allowed = job.processes.reduce(CPUList([])) { $0.union($1.allowed ?? CPUList([])) }
        return usable.isEmpty ? allowed : allowed.intersection(usable)
    }

    /// Where everything but training should run. Launch threads and `victims` that are already
    /// bound to a part of the host keep it, and the system gets the rest.
    func split(for victims: [ThreadActivity], in threads: Threads) -> CPUSplit? {
        let usable = facts.topology.usable
        let kept = victims + index(threads).critical
        let bound = kept.reduce(CPUList([])) { $0.union(allowed($1) ?? usable) }
        let rest = usable.subtracting(bound)
        guard rest.isEmpty else {
            return CPUSplit(housekeeping: rest, training: bound.intersection(usable))
        }
        return facts.topology.split
    }

    /// Launch and NCCL threads: those whose delays the other ranks wait for.
    func isCritical(_ thread: ThreadActivity) -> Bool {
        let role = job.role(thread.tid)
        return role == .launch || role == .nccl
    }

    /// CPUs that launch and NCCL threads run on: seen there in enough windows, or last.
    func criticalCPUs(_ threads: Threads) -> CPUList {
        criticalCPUs ?? findCriticalCPUs(threads)
    }

    /// With what several rules ask for and only the whole timeline tells, found once.
    package func prepared() -> Observation {
        guard let threads = try? threads() else { return self }
        var prepared = self
        prepared.index = LedgerIndex(threads, job)
        prepared.criticalCPUs = prepared.findCriticalCPUs(threads)
        return prepared
    }

    private func findCriticalCPUs(_ threads: Threads) -> CPUList {
        let critical = index(threads).critical
        let seen = timeline.compactMap { try? $0(Threads.self) }
        guard seen.count >= Sustained.fewestWindows else { return CPUList(critical.map(\.cpu)) }
        let tids = ThreadNumbers(critical.map(\.tid))
        var windows: [Int: Int] = [:]
        for window in seen {
            var cpus: Set<Int> = []
            let threads = window.threads.span
            for place in threads.indices
            where tids.contains(threads[place].tid) && threads[place].time[.running] > 0 {
                cpus.insert(threads[place].cpu)
            }
            for cpu in cpus { windows[cpu, default: 0] += 1 }
        }
        return CPUList(windows.filter { $0.value >= Sustained.presentWindows }.keys)
    }
}
