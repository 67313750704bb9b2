import Host
import Signals
import Training

private let launchShare = Limit(0.03, "share of wall", source: "judgement")
private let cpuShare = Limit(0.03, "share of the CPU", source: "judgement")
private let otherShare = Limit(0.05, "share of wall", source: "judgement")

extension Rule {
    package static let softirqOnTrainingCores = Rule(
        id: "softirq-on-training-cores", cause: .softirqLoad, ceiling: .critical,
        title: "Network or disk work of the kernel runs on training CPUs",
        explanation: Explanation(
            what: """
                A device's interrupt handler only notes that there is work. The work itself \
                (taking packets through the network stack, finishing disk requests) follows as a \
                soft interrupt on the same CPU, or in that CPU's ksoftirqd thread when it is much.
                """,
            why: """
                Soft interrupts come before every program. A CPU that handles a fast network \
                card's packets has little left for a launch thread, which is stopped for \
                hundreds of microseconds at a time.
                """,
            seen: """
                Stoker measures the time in soft interrupts by type and CPU, what they took from \
                each watched thread, and what it waited behind ksoftirqd. Timers, scheduler and \
                RCU are the host's own pulse and count only from 3 % on.
                """,
            fix: """
                Moves the launch threads off the CPUs that do this work, and shows which network \
                queues spread theirs (RPS) so that training CPUs can be taken out.
                """,
            avoid: """
                RPS does nothing where a card has as many queues as CPUs. RDMA traffic makes no \
                soft interrupts: this is sockets (storage, NCCL over TCP, monitoring).
                """,
            verify: "stoker diagnose: soft interrupts on launch CPUs fall below 3 %.",
            sources: [
                "Documentation/networking/scaling.rst", "Documentation/networking/napi.rst",
                "Documentation/admin-guide/sysctl/net.rst",
            ]),
        check: { observation throws(Unavailable) in try observation.softInterruptLoad() })
}

/// How much soft interrupts take from the threads that matter.
private struct SoftInterruptLoad {
    var losses: [ThreadLoss]
    var hit: [ThreadActivity]
    var cpus: CPUList
    var worstCPU: Double
    var top: SoftIRQLine
}

extension Observation {
    fileprivate func softInterruptLoad() throws(Unavailable) -> [Finding] {
        let threads = try probedThreads()
        let soft = try whole(SoftIRQs.self)
        guard soft.lines.contains(where: { !$0.nanoseconds.isEmpty }) else {
            throw Unavailable("time in soft interrupts is only known with kernel probes")
        }
        let critical = criticalCPUs(threads)
        guard mayReachLimits(threads, soft.lines, critical) else { return [] }
        let halves = BottomHalves((try? whole(Interrupts.self))?.lines ?? [], soft.lines)
        guard let load = load(threads, halves, critical), isLasting(load) else { return [] }
        let worst = load.losses.first { $0.isLaunch } ?? load.losses.first
        let lost = worst?.share ?? 0
        return [
            Finding(
                rule: "softirq-on-training-cores", cause: .softirqLoad,
                severity: severity(load.losses),
                confidence: load.losses.isEmpty ? .associated : .measured,
                summary: """
                    soft interrupts, most of all \(load.top.name), took \
                    \(SchedulingText.percent(load.worstCPU)) of a CPU that training threads run \
                    on and \(SchedulingText.percent(lost)) of \
                    \(worst.map(SchedulingText.thread) ?? "their time")
                    """,
                culprit: FindingCulprit(kind: .softirq, id: load.top.name, name: load.top.name),
                affected: load.hit.map { affected($0) },
                evidence: [
                    cpuShare.evidence("soft interrupts on CPUs of launch threads", load.worstCPU),
                    launchShare.evidence("soft interrupts and ksoftirqd, worst-hit thread", lost),
                    squeezeLimit.evidence("polls cut short", whole.perSecond(soft.squeezed)),
                    Evidence(
                        name: "packets dropped", value: whole.perSecond(soft.dropped), unit: "/s"),
                ],
                fix: softInterruptFix(load.top.name, soft, load.cpus, load.hit, threads),
                verify: "stoker diagnose: soft interrupts on launch CPUs below 3 %",
                claims: load.losses.flatMap(\.claims))
        ]
    }

    /// Whether any limit could be reached if none of it were a device's bottom half: on most hosts
    /// none is, and telling them apart is dear.
    private func mayReachLimits(
        _ threads: Threads, _ lines: [SoftIRQLine], _ critical: CPUList
    ) -> Bool {
        index(threads).critical.contains {
            launchShare.isReached(by: share($0.time[.softirq], of: $0))
        }
            || threads.threads.contains {
                otherShare.isReached(by: share($0.time[.softirq], of: $0))
            }
            || critical.cpus.contains { cpuShare.isReached(by: load(lines, on: $0)) }
            || index(threads).hasWaits(behind: \.isForSoftIRQs)
    }

    private func load(
        _ threads: Threads, _ halves: BottomHalves, _ critical: CPUList
    ) -> SoftInterruptLoad? {
        let lines = halves.softirqs
        let losses = losses(
            in: threads, claims: claims(threads, 1 - halves.movedPart).flatMap(\.value))
        let hit = losses.filter {
            $0.isLongLived && ($0.isLaunch ? launchShare : otherShare).isReached(by: $0.share)
        }
        let loaded = CPUList(critical.cpus.filter { cpuShare.isReached(by: load(lines, on: $0)) })
        guard !loaded.isEmpty || !hit.isEmpty else { return nil }
        let affected = affected(hit, in: threads) { loaded.contains($0) }
        let places = loaded.isEmpty ? CPUList(affected.map(\.cpu)) : loaded
        let byTime = { (line: SoftIRQLine) in sum(line.nanoseconds, on: places) }
        guard let top = lines.max(by: { byTime($0) < byTime($1) }) else { return nil }
        return SoftInterruptLoad(
            losses: losses, hit: affected, cpus: places,
            worstCPU: places.cpus.map { load(lines, on: $0) }.max() ?? 0, top: top)
    }

    /// Share of one CPU, without the pulse types where each of them is small.
    private func load(_ lines: [SoftIRQLine], on cpu: Int) -> Double {
        let wall = Double(max(whole.nanoseconds, 1))
        return lines.reduce(0) { total, line in
            let time = cpu < line.nanoseconds.count ? line.nanoseconds[cpu] : 0
            let part = Double(time) / wall
            let isPulse = ["TIMER", "HRTIMER", "SCHED", "RCU"].contains(line.name)
            return isPulse && !cpuShare.isReached(by: part) ? total : total + part
        }
    }

    /// Soft interrupt time of each thread, and its waits behind ksoftirqd.
    private func claims(_ threads: Threads, _ part: Double) -> [Int32: [Claim]] {
        var claims: [Int32: [Claim]] = [:]
        for thread in threads.threads {
            let lost = scaled(thread.time[.softirq], by: part)
            guard lost > 0 else { continue }
            claims[thread.tid] = [
                Claim(tid: thread.tid, loss: .state(.softirq), nanoseconds: lost)
            ]
        }
        for wait in index(threads).waits(behind: \.isForSoftIRQs) {
            claims[wait.tid, default: []].append(
                Claim(
                    tid: wait.tid, loss: .waiting(wait.culprit), nanoseconds: wait.nanoseconds))
        }
        return claims
    }

    private func isLasting(_ load: SoftInterruptLoad) -> Bool {
        isSustained { window throws(Unavailable) in
            try window(SoftIRQs.self).lines.reduce(0) {
                $0 &+ sum($1.nanoseconds, on: load.cpus)
            }
        }
    }
}

extension Culprit {
    /// The kernel thread that soft interrupts run in when they are many.
    var isForSoftIRQs: Bool { kind == .kthread && name.hasPrefix("ksoftirqd/") }
}
