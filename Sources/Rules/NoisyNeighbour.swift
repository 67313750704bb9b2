import Host
import Signals
import Training

private let launchRate = Limit(5, "ms/s", source: "judgement")
private let launchShare = Limit(
    0.02, "share of wall",
    source: "judgement; a clean host costs 1.2 % (eunomia.dev, 2026)")
private let otherShare = Limit(0.05, "share of wall", source: "judgement")

extension Rule {
    package static let noisyNeighbour = Rule(
        id: "noisy-neighbour", cause: .cpuContention, ceiling: .critical,
        title: "Processes outside the job take the CPUs that training threads need",
        explanation: Explanation(
            what: """
                A CPU runs one thread at a time. When another program is ready on the same CPU, \
                the kernel lets them take turns, and each waits while the other runs.
                """,
            why: """
                The launch thread hands work to the GPU a few microseconds at a time. If it waits \
                two milliseconds for a CPU, the GPU's queue runs dry, and in synchronous training \
                every other rank waits for this one. A few percent on one thread can therefore \
                cost a few percent of all GPUs.
                """,
            seen: """
                At each context switch the kernel says how long the thread had been ready but not \
                running. Stoker adds that up and notes which process ran on that CPU meanwhile. \
                Processes of the job itself, kernel threads and waits that a thread asked for by \
                sched_yield are left out.
                """,
            fix: """
                Keeps the other programs on a few CPUs of their own (housekeeping CPUs) and leaves \
                the rest to training. Both sides still share memory bandwidth and caches.
                """,
            avoid: """
                Not where a scheduler such as Slurm or the kubelet already hands out CPUs: change \
                its configuration instead. Too few housekeeping CPUs starve monitoring and \
                storage daemons; keep two cores on each node of a large host.
                """,
            verify: "stoker diagnose: waiting behind this process falls below 5 ms/s.",
            sources: [
                "Documentation/admin-guide/cgroup-v2.rst (cpuset)", "systemd.resource-control(5)",
                "taskset(1)", "https://eunomia.dev/blog/2026/05/24/",
            ]),
        check: { observation throws(Unavailable) in
            observation.job.scope == .host
                ? try observation.contentionAmongProcesses()
                : try observation.noisyNeighbours()
        })
}

extension Observation {
    /// Processes that are not part of the job.
    func outsiders(_ threads: Threads) -> (Culprit) -> Bool {
        let watched = index(threads).pids
        return { $0.kind == .process && !watched.contains($0.id) }
    }

    fileprivate func noisyNeighbours() throws(Unavailable) -> [Finding] {
        let threads = try probedThreads()
        let isOutside = outsiders(threads)
        guard mayLose(launchShare.value * Sustained.leastSeen, in: threads, behind: isOutside)
        else { return [] }
        let losses = losses(in: threads, behind: isOutside)
        let hit = losses.filter { loss in
            guard loss.isLongLived else { return false }
            return loss.isLaunch
                ? launchRate.isReached(by: loss.millisecondsPerSecond)
                    || launchShare.isReached(by: loss.share)
                : otherShare.isReached(by: loss.share)
        }
        let groups = CulpritGroup.groups(hit)
        guard let worst = hit.first(where: \.isLaunch) ?? hit.first, let top = groups.first,
            isSustained(hit, behind: isOutside)
        else { return [] }
        return [
            Finding(
                rule: "noisy-neighbour", cause: .cpuContention,
                severity: isWorthActing(hit) ? severity(hit) : .info,
                confidence: .measured,
                summary: """
                    \(SchedulingText.thread(worst)) waited \
                    \(SchedulingText.percent(worst.share)) of its time behind processes outside \
                    the job, most of all \(SchedulingText.name(top.name))\
                    \(SchedulingText.others(groups.dropFirst().map(\.name)))
                    """,
                culprit: top.processCulprit, affected: hit.map { affected($0.thread) },
                evidence: neighbourEvidence(worst, top),
                fix: fence(groups, from: split(for: hit.map(\.thread), in: threads)),
                verify: """
                    stoker diagnose: waiting behind other processes below \
                    \(SchedulingText.oneDecimal(launchRate.value)) ms/s on launch threads
                    """,
                claims: losses.flatMap(\.claims))
        ]
    }

    /// From 5 ms/s on it is worth knowing; a warning takes more than a clean host shows.
    private func isWorthActing(_ hit: [ThreadLoss]) -> Bool {
        hit.contains { ($0.isLaunch ? launchShare : otherShare).isReached(by: $0.share) }
    }

    private func neighbourEvidence(_ worst: ThreadLoss, _ top: CulpritGroup) -> [Evidence] {
        let rate = launchRate.evidence(
            "waiting behind other processes", worst.millisecondsPerSecond)
        let limit = worst.isLaunch ? launchShare : otherShare
        return (worst.isLaunch ? [rate] : []) + [
            limit.evidence("part of its time spent waiting behind them", worst.share),
            Evidence(
                name: "waiting behind \(SchedulingText.name(top.name)), all hit threads",
                value: milliseconds(top.nanoseconds), unit: "ms/s"),
        ]
    }
}

extension CulpritGroup {
    var processCulprit: FindingCulprit {
        FindingCulprit(
            kind: .process, id: members.first.map { String($0.culprit.id) } ?? "", name: name)
    }
}
