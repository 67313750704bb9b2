import Host
import Signals
import Training

private let cacheRate = Limit(50, "migrations/s", source: "judgement")
private let anyRate = Limit(50, "migrations/s", source: "judgement")
private let maskRate = Limit(1, "changes/s", source: "judgement")
private let wakeShare = Limit(0.2, "share of wake-ups", source: "judgement")
private let lossShare = Limit(0.01, "share of wall", source: "judgement")

/// How a thread is moved about.
private enum Moved: Equatable {
    /// Somebody rewrites its mask.
    case byMask
    /// It leaves its cache, or its mask changed now and then while it moved.
    case acrossCaches
    /// The scheduler moves it at every few wake-ups.
    case oftenAnyway
}

extension Rule {
    package static let llcMigration = Rule(
        id: "llc-migration", cause: .threadMigration, ceiling: .critical,
        title: "Critical threads move between CPUs that share no cache",
        explanation: Explanation(
            what: """
                The scheduler moves threads to CPUs that look idle. On large processors groups of \
                cores share a last-level cache, and a thread that leaves its group finds the new \
                cache empty.
                """,
            why: """
                A launch thread touches the same few megabytes at each step: the interpreter, \
                tensors' descriptions, the driver's queues. After a move all of that is fetched \
                again, from memory or the other socket, and launches take longer for a while.
                """,
            seen: """
                Stoker counts how often a thread went on under another last-level cache. What a \
                move costs is not measured; only waiting behind the kernel's migration threads is.
                """,
            fix: "Binds the thread to the CPUs that share one cache, on the node it runs on.",
            avoid: """
                Not for pools of more threads than that cache has CPUs: they would queue. The \
                mask lasts as long as the thread.
                """,
            verify: "stoker diagnose: migrations across caches fall to nearly none.",
            sources: [
                "Documentation/scheduler/sched-domains.rst", "taskset(1)",
                "https://eunomia.dev/blog/2026/05/24/",
            ]),
        check: { observation throws(Unavailable) in
            try observation.migrations("llc-migration", [.acrossCaches])
        })

    package static let affinityChurn = Rule(
        id: "affinity-churn", cause: .threadMigration, ceiling: .critical,
        title: "Threads are sent from CPU to CPU over and over",
        explanation: Explanation(
            what: """
                Each thread has a mask of CPUs that it may use. Programs and managers can change \
                it at any time, and a thread that stands on a forbidden CPU is then moved at once \
                by the kernel's migration thread.
                """,
            why: """
                Each change stops the thread, moves it and leaves its warm caches behind. Two \
                managers that disagree, such as a job script and a node agent, can do this for \
                ever.
                """,
            seen: """
                The allowed CPUs of a watched thread changed while it was watched, or it went on \
                elsewhere after a large part of its wake-ups. The cost is measured only as far as \
                the thread waited behind the kernel's migration threads.
                """,
            fix: """
                Gives the thread one mask and keeps it: stop whatever rewrites it, then bind the \
                thread once.
                """,
            avoid: """
                Do not fight a manager that owns the masks (kubelet, Slurm, numad): configure \
                it, or it changes them back.
                """,
            verify: "stoker diagnose: the mask does not change, migrations fall below 50/s.",
            sources: [
                "sched_setaffinity(2)", "Documentation/scheduler/sched-design-CFS.rst",
                "Documentation/admin-guide/kernel-per-CPU-kthreads.rst",
            ]),
        check: { observation throws(Unavailable) in
            try observation.migrations("affinity-churn", [.byMask, .oftenAnyway])
        })
}

extension Observation {
    fileprivate func migrations(_ rule: String, _ kinds: [Moved]) throws(Unavailable) -> [Finding] {
        let threads = try probedThreads()
        let hit = mayHaveMoved(threads).compactMap { thread -> (ThreadActivity, Moved)? in
            guard isLongLived(thread), let moved = moved(thread), kinds.contains(moved),
                isSustained({ window throws(Unavailable) in try moves(of: thread, in: window) })
            else { return nil }
            return (thread, moved)
        }
        .sorted {
            (isCritical($1.0) ? 1 : 0, $1.0.migrations, $0.0.tid)
                < (isCritical($0.0) ? 1 : 0, $0.0.migrations, $1.0.tid)
        }
        guard let (worst, moved) = hit.first else { return [] }
        let losses = losses(in: threads, of: hit.map(\.0.tid), behind: \.isMigration)
        let isMeasured = losses.contains { $0.isLaunch && lossShare.isReached(by: $0.share) }
        let isWarning = isMeasured || hit.contains { $0.1 != .oftenAnyway || hasWaited($0.0) }
        return [
            Finding(
                rule: rule, cause: .threadMigration,
                severity: isWarning ? severity(losses) : .info,
                confidence: losses.isEmpty ? .associated : .measured,
                summary: summary(worst, moved),
                culprit: FindingCulprit(kind: .setting, id: "CPU affinity", name: "CPU affinity"),
                affected: hit.map { affected($0.0) }, evidence: evidence(worst, moved, losses),
                fix: pin(hit.prefix(8).map(\.0), moved, threads),
                verify: "stoker diagnose: fewer than 50 migrations/s, allowed CPUs unchanged",
                claims: losses.flatMap(\.claims))
        ]
    }

    /// Threads that `moved` may accept: of thousands, most neither matter nor have a new mask.
    private func mayHaveMoved(_ threads: Threads) -> [ThreadActivity] {
        guard job.processes.contains(where: { !$0.affinityChanges.isEmpty }) else {
            return index(threads).critical
        }
        return threads.threads
    }

    private func moved(_ thread: ThreadActivity) -> Moved? {
        let changes = maskChanges(thread)
        if isMaskRewritten(thread) {
            return whole.perSecond(thread.migrations) >= maskRate.value ? .byMask : nil
        }
        // `numa-thread-drift` names the nodes of a thread that leaves its own.
        guard isCritical(thread), !isDrifting(thread) else { return nil }
        let isOften = anyRate.isReached(by: whole.perSecond(thread.migrations))
        if cacheRate.isReached(by: whole.perSecond(thread.cacheMigrations))
            || (isOften && changes > 0 && job.role(thread.tid) == .launch)
        {
            return .acrossCaches
        }
        return isOften && wakeShare.isReached(by: wakeUpShare(thread)) ? .oftenAnyway : nil
    }

    /// Somebody keeps changing the CPUs that the thread may use.
    func isMaskRewritten(_ thread: ThreadActivity) -> Bool {
        maskRate.isReached(by: whole.perSecond(UInt64(maskChanges(thread))))
    }

    private func maskChanges(_ thread: ThreadActivity) -> Int {
        max(0, job.affinityChanges(of: thread.tid, in: thread.pid))
    }

    private func wakeUpShare(_ thread: ThreadActivity) -> Double {
        Double(thread.migrations) / Double(max(1, thread.voluntarySwitches &+ thread.preemptions))
    }

    private func hasWaited(_ thread: ThreadActivity) -> Bool {
        lossShare.isReached(by: share(thread.time[.waiting], of: thread))
    }

    /// Migrations in one window, scaled so that one counts as present.
    private func moves(of thread: ThreadActivity, in window: Window) throws(Unavailable) -> UInt64 {
        try window(Threads.self).threads.contains { $0.tid == thread.tid && $0.migrations > 0 }
            ? window.nanoseconds : 0
    }

    private func summary(_ thread: ThreadActivity, _ moved: Moved) -> String {
        let rate = SchedulingText.oneDecimal(whole.perSecond(thread.migrations))
        let who = "\(job.role(thread.tid).rawValue) thread \(thread.tid) (\(thread.name))"
        switch moved {
        case .byMask:
            let changes = SchedulingText.oneDecimal(whole.perSecond(UInt64(maskChanges(thread))))
            let nodes = NodeShares([thread.timeByNode]).nodes(from: Placement.home)
            let between = nodes.count > 1 ? " between \(PlacementText.nodes(nodes))" : ""
            return """
                the allowed CPUs of \(who) changed \(changes) times/s; it moved \(rate) times/s\
                \(between)
                """
        case .acrossCaches:
            let cache = SchedulingText.oneDecimal(whole.perSecond(thread.cacheMigrations))
            return "\(who) moved between CPUs \(rate) times/s, \(cache) of them to another cache"
        case .oftenAnyway:
            return """
                \(who) moved between CPUs \(rate) times/s, at \
                \(SchedulingText.percent(wakeUpShare(thread))) of its wake-ups
                """
        }
    }

    private func evidence(
        _ thread: ThreadActivity, _ moved: Moved, _ losses: [ThreadLoss]
    ) -> [Evidence] {
        let lost = losses.filter { $0.thread.tid == thread.tid }.map(\.share).max() ?? 0
        let changes = whole.perSecond(UInt64(maskChanges(thread)))
        var rows = [
            anyRate.evidence("migrations", whole.perSecond(thread.migrations)),
            cacheRate.evidence(
                "migrations to another cache", whole.perSecond(thread.cacheMigrations)),
            maskRate.evidence("changes of the allowed CPUs", changes),
            lossShare.evidence("waiting behind migration threads", lost),
        ]
        if moved == .oftenAnyway {
            rows.append(wakeShare.evidence("migrations by wake-up", wakeUpShare(thread)))
        }
        return rows
    }

    private func pin(_ hit: [ThreadActivity], _ moved: Moved, _ threads: Threads) -> Fix {
        let all = facts.topology.usable
        let training = split(for: hit, in: threads)?.training ?? all
        let lists = hit.map { thread in
            let cache = facts.topology.cacheNeighbours(of: thread.cpu)
            let isWide = moved == .oftenAnyway && cache == all
            let near = isWide ? facts.topology.core(of: thread.cpu) : cache
            let own = near.intersection(training)
            return own.isEmpty ? near : own
        }
        let who = moved == .byMask ? "Whoever rewrites the mask must be stopped first. " : ""
        return Fix(
            commands: zip(hit, lists).map { "taskset -pc \($1.description) \($0.tid)" },
            persist: ["taskset -c \(lists.first?.description ?? all.description) COMMAND"],
            rollback: hit.map {
                "taskset -pc \((moved == .byMask ? all : allowed($0) ?? all).description) \($0.tid)"
            },
            risk: """
                \(who)A bound thread cannot get out of the way when its CPUs are busy: keep other \
                work off them. Threads that it starts later inherit the mask.
                """,
            managedBy: manager("kubelet", "slurmd", "numad", "tuned"))
    }
}
