import Host
import Signals
import Training

private let noise = Limit(0.01, "share of wall", source: "judgement")
private let fewestCPUs = 8

extension Rule {
    package static let cpusetIsolatedPartition = Rule(
        id: "cpuset-isolated-partition", cause: .configuration, ceiling: .info,
        title: "Training CPUs could be fenced off without a reboot",
        explanation: Explanation(
            what: """
                A cpuset partition of type isolated takes CPUs out of the scheduler's load \
                balancing. Nothing runs there but what was put there on purpose.
                """,
            why: """
                Other programs, kernel workers and interrupts cost launch threads time here. \
                Moving each culprit helps until the next one comes; a fence keeps all away.
                """,
            seen: """
                Launch threads lost at least 1 % of their time to work that is not the job's, and \
                no CPU of this host is isolated.
                """,
            fix: "Makes a control group that owns the training CPUs as an isolated partition.",
            avoid: """
                Threads in it are not spread over its CPUs: each must be bound to one, and data \
                loaders must stay outside. Not where the kubelet or Slurm owns the cpusets. \
                First do what the measured findings say; this is for what remains. If ticks and \
                RCU still cost more than 1 % afterwards, boot parameters are the next step.
                """,
            verify: "cpuset.cpus.partition reads isolated and not invalid.",
            sources: ["Documentation/admin-guide/cgroup-v2.rst (cpuset partitions)"]),
        check: { observation throws(Unavailable) in
            guard let split = try observation.isolation(), observation.hasPartitions else {
                return []
            }
            return [observation.partitionAdvice(split)]
        })

    package static let isolcpusNohzFull = Rule(
        id: "isolcpus-nohz-full", cause: .configuration, ceiling: .info,
        title: "Training CPUs could be fenced off at boot",
        explanation: Explanation(
            what: """
                Boot parameters can take CPUs out of load balancing (isolcpus), stop their timer \
                tick while one thread runs alone (nohz_full), and send RCU work and interrupts \
                elsewhere.
                """,
            why: """
                A delay of one rank delays all of them, so noise on single CPUs adds up over a \
                synchronous job.
                """,
            seen: """
                Launch threads lost at least 1 % of their time to work that is not the job's; no \
                CPU is isolated, and this kernel has no isolated cpuset partitions to do it with.
                """,
            fix: "Names the training CPUs in the kernel command line.",
            avoid: """
                The fence cannot be lifted without a reboot, each entry into the kernel gets \
                dearer, and threads in it must be bound one by one. Useless where more than one \
                thread is ready on a CPU; data loaders must not live there.
                """,
            verify: "/sys/devices/system/cpu/isolated and nohz_full show the list.",
            sources: [
                "Documentation/admin-guide/kernel-parameters.txt", "Documentation/timers/no_hz.rst",
            ]),
        check: { observation throws(Unavailable) in
            guard let split = try observation.isolation(), !observation.hasPartitions else {
                return []
            }
            return [observation.bootAdvice(split)]
        })
}

/// What foreign work cost the worst-hit launch thread, and how the CPUs would be parted.
private struct Isolation {
    var split: CPUSplit
    var worst: ThreadLoss
}

extension Observation {
    /// `nil` where isolation is not called for, already there, or the host too small for it.
    fileprivate func isolation() throws(Unavailable) -> Isolation? {
        let threads = try probedThreads()
        guard job.scope == .processes, facts.topology.usable.count >= fewestCPUs,
            facts.topology.isolated.isEmpty, facts.topology.nohzFull.isEmpty,
            !hasIsolatedPartition, let split = facts.topology.split
        else { return nil }
        let isOutside = outsiders(threads)
        let launch = index(threads).launch
        let waits = index(threads).waits(of: ThreadNumbers(launch.map(\.tid))) {
            isOutside($0) || $0.kind == .kthread
        }
        let claims = waits.map {
            Claim(tid: $0.tid, loss: .waiting($0.culprit), nanoseconds: $0.nanoseconds)
        }
        let taken = launch.flatMap { thread in
            [ThreadState.irq, .softirq].map {
                Claim(tid: thread.tid, loss: .state($0), nanoseconds: thread.time[$0])
            }
        }
        let worst = losses(in: threads, claims: claims + taken).first {
            $0.isLaunch && $0.isLongLived && noise.isReached(by: $0.share)
        }
        guard let worst, isSustained(worst) else { return nil }
        return Isolation(split: split, worst: worst)
    }

    private func isSustained(_ worst: ThreadLoss) -> Bool {
        let tid = worst.thread.tid
        return isSustained { window throws(Unavailable) in
            let threads = try window(Threads.self)
            var stolen: UInt64 = 0
            for thread in threads.threads.indices where threads.threads[thread].tid == tid {
                let time = threads.threads[thread].time
                stolen &+= time[.irq] &+ time[.softirq]
            }
            for wait in threads.waits.indices where threads.waits[wait].tid == tid {
                stolen &+= threads.waits[wait].nanoseconds
            }
            return stolen
        }
    }

    private var hasIsolatedPartition: Bool {
        guard let groups = try? whole(Cgroups.self).groups else { return false }
        return groups.contains { $0.cpus?.partition == "isolated" }
    }

    /// The kernel can isolate CPUs by cpuset. Advice, not a probe, may go by the version.
    fileprivate var hasPartitions: Bool {
        facts.cgroups.unified != nil && facts.cgroups.unifiedControllers.contains("cpuset")
            && facts.kernelVersion >= KernelVersion(major: 6, minor: 1)
    }

    fileprivate func partitionAdvice(_ isolation: Isolation) -> Finding {
        let root = facts.cgroups.unified ?? "/sys/fs/cgroup"
        let group = shellWord("\(root)/stoker-training")
        let training = isolation.split.training.description
        return advice(
            "cpuset-isolated-partition", isolation,
            Fix(
                commands: [
                    "echo +cpuset > \(shellWord("\(root)/cgroup.subtree_control"))",
                    "mkdir -p \(group)", "echo \(training) > \(group)/cpuset.cpus",
                ]
                    + memoryNodes(of: isolation.split.training).map {
                        "echo \($0) > \(group)/cpuset.mems"
                    } + ["echo isolated > \(group)/cpuset.cpus.partition"],
                persist: ["a systemd unit that runs these lines before the job starts"],
                rollback: ["echo member > \(group)/cpuset.cpus.partition", "rmdir \(group)"],
                risk: """
                    Everything outside the group is left with CPUs \
                    \(isolation.split.housekeeping.description). Put only launch and NCCL threads \
                    in, each bound to a CPU of its own; the scheduler spreads nothing there.
                    """,
                managedBy: manager("kubelet", "slurmd")),
            verify: "\(group)/cpuset.cpus.partition reads isolated")
    }

    /// The nodes of `cpus`, where the host has memory on others too.
    private func memoryNodes(of cpus: CPUList) -> [String] {
        let nodes = facts.topology.nodes(of: cpus)
        let others = facts.topology.nodes.filter { $0.memoryBytes > 0 && !nodes.contains($0.id) }
        let own = facts.topology.nodes.filter { $0.memoryBytes > 0 && nodes.contains($0.id) }
        return others.isEmpty || own.isEmpty ? [] : [CPUList(own.map(\.id)).description]
    }

    fileprivate func bootAdvice(_ isolation: Isolation) -> Finding {
        let training = isolation.split.training.description
        let kept = isolation.split.housekeeping.description
        let words = """
            isolcpus=managed_irq,domain,\(training) nohz_full=\(training) \
            rcu_nocbs=\(training) irqaffinity=\(kept)
            """
        return advice(
            "isolcpus-nohz-full", isolation,
            Fix(
                commands: [Fix.atBoot],
                persist: ["add to the kernel command line: \(words)"],
                rollback: ["remove these words from the kernel command line"],
                risk: """
                    Cannot be undone without a reboot. Threads on CPUs \(training) must be bound \
                    one by one; everything else shares CPUs \(kept).
                    """,
                needsReboot: true, managedBy: manager("kubelet", "slurmd", "tuned")),
            verify: "/sys/devices/system/cpu/isolated reads \(training)")
    }

    private func advice(
        _ rule: String, _ isolation: Isolation, _ fix: Fix, verify: String
    ) -> Finding {
        Finding(
            rule: rule, cause: .configuration, severity: .info, confidence: .configuration,
            summary: """
                \(SchedulingText.thread(isolation.worst)) lost \
                \(SchedulingText.percent(isolation.worst.share)) of its time to work that is not \
                the job's, and no CPU of this host is reserved for training
                """,
            culprit: FindingCulprit(kind: .setting, id: "cpu isolation", name: "none"),
            affected: [affected(isolation.worst.thread)],
            evidence: [
                noise.evidence(
                    "other processes, kernel threads and interrupts", isolation.worst.share)
            ], fix: fix, verify: verify)
    }
}
