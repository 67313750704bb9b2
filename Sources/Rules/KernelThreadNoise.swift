import Host
import Signals
import Training

private let launchRate = Limit(1, "ms/s", source: "judgement")
private let warningRate = Limit(5, "ms/s", source: "judgement")
private let otherShare = Limit(0.05, "share of wall", source: "judgement")

extension Rule {
    package static let kthreadNoise = Rule(
        id: "kthread-noise", cause: .cpuContention, ceiling: .critical,
        title: "Kernel threads take the CPUs that training threads need",
        explanation: Explanation(
            what: """
                The kernel does part of its work in threads of its own: kworker runs deferred \
                work of drivers and file systems, rcu threads free old data, kswapd frees memory. \
                They are scheduled like programs and can push a training thread off its CPU.
                """,
            why: """
                A launch thread that is pushed aside cannot feed its GPU. Kernel threads run \
                briefly but often, so the delay shows as jitter from step to step, which \
                synchronous training turns into waiting on every rank.
                """,
            seen: """
                Stoker adds up the time that a watched thread was ready while a kernel thread ran \
                on its CPU. ksoftirqd (soft interrupts) and migration threads have rules of their \
                own and are not counted here.
                """,
            fix: """
                Unbound workers (kworker/u…) obey one mask that keeps them on housekeeping CPUs. \
                Other kernel threads that may move are bound there one by one; threaded \
                interrupts follow their interrupt's affinity.
                """,
            avoid: """
                Kernel threads that belong to one CPU cannot move: what gives them work must run \
                elsewhere. kswapd should stay on its own memory node. Do not bother below a \
                millisecond a second.
                """,
            verify: "stoker diagnose: waiting behind kernel threads falls below 1 ms/s.",
            sources: [
                "Documentation/core-api/workqueue.rst",
                "Documentation/admin-guide/kernel-per-CPU-kthreads.rst",
                "tuned profile cpu-partitioning",
            ]),
        check: { observation throws(Unavailable) in try observation.kernelThreadNoise() })
}

extension Observation {
    /// Kernel threads that no other rule explains.
    private var isNoise: (Culprit) -> Bool {
        { culprit in
            culprit.kind == .kthread && !culprit.isForSoftIRQs && !culprit.isMigration
        }
    }

    fileprivate func kernelThreadNoise() throws(Unavailable) -> [Finding] {
        let threads = try probedThreads()
        // A thousandth of the window is a millisecond a second.
        guard mayLose(launchRate.value / 1000, in: threads, behind: isNoise) else { return [] }
        let losses = losses(in: threads, behind: isNoise)
        let hit = losses.filter { loss in
            guard loss.isLongLived else { return false }
            return loss.isLaunch
                ? launchRate.isReached(by: loss.millisecondsPerSecond)
                : otherShare.isReached(by: loss.share)
        }
        let groups = CulpritGroup.groups(hit) { kernelThreadClass($0.name) }
        guard let worst = hit.first(where: \.isLaunch) ?? hit.first, let top = groups.first,
            isSustained(hit, behind: isNoise)
        else { return [] }
        let isSmall = hit.allSatisfy {
            $0.isLaunch && !warningRate.isReached(by: $0.millisecondsPerSecond)
        }
        let row =
            worst.isLaunch
            ? launchRate.evidence("waiting behind kernel threads", worst.millisecondsPerSecond)
            : otherShare.evidence("waiting behind kernel threads", worst.share)
        return [
            Finding(
                rule: "kthread-noise", cause: .cpuContention,
                severity: isSmall ? .info : severity(hit), confidence: .measured,
                summary: """
                    \(SchedulingText.thread(worst)) waited \
                    \(SchedulingText.oneDecimal(worst.millisecondsPerSecond)) ms/s behind kernel \
                    threads, most of all \(top.name)\
                    \(SchedulingText.others(groups.dropFirst().map(\.name)))
                    """,
                culprit: FindingCulprit(
                    kind: .kthread, id: top.members.first.map { String($0.culprit.id) } ?? "",
                    name: top.members.first?.culprit.name ?? top.name),
                affected: hit.map { affected($0.thread) }, evidence: [row],
                fix: placement(top, split: split(for: hit.map(\.thread), in: threads)),
                verify: "stoker diagnose: waiting behind kernel threads below 1 ms/s",
                claims: losses.flatMap(\.claims))
        ]
    }

    /// `kworker/u8:3-flush` and its like as `kworker/u`, `rcuop/3` as `rcuop`.
    private func kernelThreadClass(_ name: String) -> String {
        if name.hasPrefix("kworker/u") { return "kworker/u" }
        if name.hasPrefix("irq/") { return name }
        return String(name.prefix { $0 != "/" })
    }

    private func placement(_ group: CulpritGroup, split: CPUSplit?) -> Fix {
        let all = facts.topology.usable
        guard let kept = split?.housekeeping else {
            return Fix(
                commands: ["# do less of what gives these kernel threads their work"],
                risk: """
                    This host has too few CPUs to keep one for kernel threads. Find what gives \
                    \(group.name) its work (file system write-back, drivers) and do less of it.
                    """)
        }
        if group.name == "kworker/u" { return workqueues(to: kept, of: all) }
        if let irq = interruptNumber(group.name) {
            let old = facts.interrupts.first { $0.irq == irq }?.affinity ?? all
            return Fix(
                commands: ["echo \(kept.description) > /proc/irq/\(irq)/smp_affinity_list"],
                rollback: ["echo \(old.description) > /proc/irq/\(irq)/smp_affinity_list"],
                risk: "The device's work shares CPUs \(kept.description); a driver may refuse.",
                managedBy: manager("irqbalance"))
        }
        if group.name == "kworker" { return boundWorkers(kept) }
        let threads = group.processes(most: 4)
        return Fix(
            commands: threads.map { "taskset -pc \(kept.description) \($0.id)" }
                .or("# nothing to move: these kernel threads have ended"),
            rollback: threads.map {
                "taskset -pc \(($0.allowed ?? all).description) \($0.id)"
            },
            risk: """
                A kernel thread that belongs to one CPU refuses the change, which does no harm. \
                kswapd should stay on its own memory node. rcuo threads exist only with the boot \
                parameter rcu_nocbs.
                """)
    }

    private func workqueues(to kept: CPUList, of all: CPUList) -> Fix {
        let base = "/sys/devices/virtual/workqueue"
        let old = facts.settings.workqueueCPUs ?? all
        let paths = ["\(base)/cpumask", "\(base)/writeback/cpumask"]
        return Fix(
            commands: paths.map { "echo \(kept.mask) > \($0)" },
            persist: paths.enumerated().map {
                "echo 'w \($1) - - - - \(kept.mask)' \($0 == 0 ? ">" : ">>") "
                    + "/etc/tmpfiles.d/stoker-workqueue.conf"
            },
            rollback: paths.map { "echo \(old.mask) > \($0)" }
                + ["rm -f /etc/tmpfiles.d/stoker-workqueue.conf"],
            risk: """
                Deferred work shares CPUs \(kept.description); write-back may become slower when \
                those are busy.
                """,
            managedBy: manager("tuned"))
    }

    private func boundWorkers(_ kept: CPUList) -> Fix {
        Fix(
            commands: ["# run what gives these workers their work on other CPUs"],
            risk: """
                These workers belong to their CPU and cannot be moved. Run what gives them work \
                (file system and device users) on CPUs \(kept.description), away from launch \
                threads.
                """)
    }

    /// 57 out of `irq/57-nvme0q3`.
    private func interruptNumber(_ name: String) -> Int? {
        guard name.hasPrefix("irq/") else { return nil }
        return Int(name.dropFirst(4).prefix { $0 != "-" })
    }
}
