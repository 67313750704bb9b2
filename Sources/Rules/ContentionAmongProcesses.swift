import Host
import Signals
import Training

private let waitedShare = Limit(0.1, "share of awake time", source: "judgement")
private let waitedRate = Limit(50, "ms/s", source: "judgement")
private let busyShare = Limit(0.8, "share of CPU time", source: "judgement")

/// One process that waited behind others.
private struct Victim {
    var pid: Int32
    var losses: [ThreadLoss]

    var lost: UInt64 { losses.reduce(0) { $0 &+ $1.nanoseconds } }
}

extension Observation {
    /// Contention where no job is known: processes that wait behind unrelated ones.
    func contentionAmongProcesses() throws(Unavailable) -> [Finding] {
        let threads = try probedThreads()
        let cpus = try whole(CPUs.self)
        let isForeign = foreignWaits(threads)
        let losses = losses(in: threads, to: threads.waits.filter(isForeign))
        let awake = Dictionary(threads.threads.map { ($0.pid, $0.awake) }, uniquingKeysWith: &+)
        let victims = Dictionary(grouping: losses, by: \.thread.pid).map(Victim.init)
            .filter { victim in
                waitedShare.isReached(by: waited(victim, awake))
                    && waitedRate.isReached(by: milliseconds(victim.lost))
                    && busyShare.isReached(by: busy(victim.pid, cpus))
            }
            .sorted { ($1.lost, $0.pid) < ($0.lost, $1.pid) }.prefix(5)
        let hit = victims.flatMap(\.losses)
        let groups = CulpritGroup.groups(hit)
        guard let worst = victims.first, let top = groups.first,
            isSustained(hit, counting: isForeign)
        else { return [] }
        return [
            contention(worst, hit, groups, top, waited(worst, awake), busy(worst.pid, cpus))
        ]
    }

    private func contention(
        _ worst: Victim, _ hit: [ThreadLoss], _ groups: [CulpritGroup], _ top: CulpritGroup,
        _ share: Double, _ busy: Double
    ) -> Finding {
        let name = job.process(worst.pid)?.name ?? worst.losses.first?.thread.name ?? ""
        return Finding(
            rule: "noisy-neighbour", cause: .cpuContention, severity: .warning,
            confidence: .measured,
            summary: """
                process \(worst.pid) (\(name)) waited \(SchedulingText.percent(share)) of its \
                awake time behind other processes on busy CPUs, most of all \
                \(SchedulingText.name(top.name))\
                \(SchedulingText.others(groups.dropFirst().map(\.name)))
                """,
            culprit: top.processCulprit, affected: hit.map { affected($0.thread) },
            evidence: [
                waitedShare.evidence("waiting behind other processes", share),
                waitedRate.evidence("waiting behind other processes", milliseconds(worst.lost)),
                busyShare.evidence("CPUs not idle", busy),
            ],
            fix: fence(groups, from: facts.topology.split),
            verify: "stoker diagnose: the process waits for less than 10 % of its awake time",
            claims: hit.flatMap(\.claims))
    }

    /// Waits of one process behind another.
    private func foreignWaits(_ threads: Threads) -> (Wait) -> Bool {
        let owner = Dictionary(threads.threads.map { ($0.tid, $0.pid) }) { $1 }
        return { $0.culprit.kind == .process && $0.culprit.id != owner[$0.tid] }
    }

    private func waited(_ victim: Victim, _ awake: [Int32: UInt64]) -> Double {
        let all = awake[victim.pid] ?? 0
        return all > 0 ? Double(victim.lost) / Double(all) : 0
    }

    /// Share of time in which the CPUs that a process may use were not idle.
    private func busy(_ pid: Int32, _ cpus: CPUs) -> Double {
        let allowed = job.process(pid)?.allowed
        let own = cpus.cpus.filter { allowed?.contains($0.id) ?? true }
        let total = own.reduce(UInt64(0)) { $0 &+ $1.total }
        let idle = own.reduce(UInt64(0)) { $0 &+ $1.idle }
        return total > 0 ? 1 - Double(idle) / Double(total) : 0
    }
}
