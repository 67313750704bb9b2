import Host
import Signals
import Training

private let noisePerSecond = Limit(
    1, "ms/s", source: "judgement: 0.1 % of a CPU, in single long gaps")

/// Time that watched threads waited while kernel threads of one name ran.
private struct KernelThreadWaits {
    var culprit: Culprit
    var losses: ThreadLosses
    var claims: [Claim]

    var millisecondsPerSecond: Double { losses.millisecondsPerMinute / 60 }

    /// `nil` when nobody waited.
    init?(_ name: String, _ observation: Observation, _ threads: Threads) {
        let waits = observation.index(threads).waits { $0.kind == .kthread && $0.name == name }
        guard let first = waits.first else { return nil }
        culprit = first.culprit
        claims = waits.map {
            Claim(tid: $0.tid, loss: .waiting($0.culprit), nanoseconds: $0.nanoseconds)
        }
        losses = ThreadLosses(threads.threads, during: observation.whole) { thread in
            waits.filter { $0.tid == thread.tid }.reduce(0) { $0 &+ $1.nanoseconds }
        }
    }

    func severity(_ observation: Observation, _ threads: Threads) -> Severity {
        let active = losses.filter { observation.isActive($0.thread) }
        guard LossLimits.active.isReached(by: active.worstPercent) else { return .info }
        return observation.severity(of: losses, in: threads)
    }

    func finding(
        _ rule: String, _ cause: Cause, _ observation: Observation, _ threads: Threads, fix: Fix
    ) -> Finding {
        Finding(
            rule: rule, cause: cause, severity: severity(observation, threads),
            confidence: .measured,
            summary: "watched threads waited \(briefFigure(millisecondsPerSecond)) ms a second "
                + "behind \(culprit.name); \(losses.worstInWords)",
            culprit: FindingCulprit(kind: .kthread, id: "\(culprit.id)", name: culprit.name),
            affected: observation.affected(losses),
            evidence: [
                noisePerSecond.evidence("waiting behind \(culprit.name)", millisecondsPerSecond),
                losses.shareEvidence,
            ],
            fix: fix, verify: "the waiting behind \(culprit.name) in the next report is gone",
            claims: claims)
    }
}

extension Rule {
    package static let khugepagedNoise = Rule(
        id: "khugepaged-noise", cause: .cpuContention, ceiling: .critical,
        title: "The kernel's search for huge pages takes CPUs from the job",
        explanation: Explanation(
            what: """
                khugepaged is a kernel thread that walks through the memory of programs and joins \
                small pages into huge ones.
                """,
            why: "While it runs on a CPU, the thread of the job that wants that CPU waits.",
            seen: "The scheduler's record of who ran while watched threads waited.",
            fix: "A longer pause between two rounds makes it run less often.",
            avoid: "Leave it where programs gain much from huge pages that it makes.",
            verify: "The waiting behind khugepaged falls below 1 ms a second.",
            sources: ["Documentation/admin-guide/mm/transhuge.rst"])
    ) { observation throws(Unavailable) in
        let threads = try observation.threads()
        let pause: Int64 = 60_000
        let old = observation.facts.settings.khugepagedScanMilliseconds
        guard let waits = KernelThreadWaits("khugepaged", observation, threads),
            noisePerSecond.isReached(by: waits.millisecondsPerSecond), (old ?? 0) < pause
        else { return [] }
        let fix = Fix.file(
            "/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs",
            to: "\(pause)", from: old.map { "\($0)" }, called: "khugepaged-pause",
            risk: "huge pages are made more slowly", managedBy: observation.manager("tuned"))
        return [waits.finding("khugepaged-noise", .cpuContention, observation, threads, fix: fix)]
    }

    package static let ksm = Rule(
        id: "ksm", cause: .configuration, ceiling: .critical,
        title: "The kernel looks for equal pages to share",
        explanation: Explanation(
            what: """
                KSM is a kernel thread, ksmd, that compares pages of programs and keeps equal \
                ones only once. It saves memory on hosts with many equal virtual machines.
                """,
            why: """
                On a training host there is next to nothing to share; the comparing takes CPU time \
                and memory bandwidth.
                """,
            seen: "/sys/kernel/mm/ksm/run is 1.",
            fix: "0 stops the thread; pages that are shared already stay so.",
            avoid: "Leave it on a host of virtual machines that counts on the saved memory.",
            verify: "/sys/kernel/mm/ksm/run shows 0 and ksmd uses no CPU time.",
            sources: ["Documentation/admin-guide/mm/ksm.rst"])
    ) { observation throws(Unavailable) in
        guard observation.facts.settings.ksmRun == 1 else { return [] }
        let fix = Fix.file(
            "/sys/kernel/mm/ksm/run", to: "0", from: "1", called: "ksm",
            risk: "virtual machines on this host will need more memory",
            managedBy: observation.manager("ksmtuned"))
        if let threads = observation.optional(Threads.self),
            let waits = KernelThreadWaits("ksmd", observation, threads),
            noisePerSecond.isReached(by: waits.millisecondsPerSecond)
        {
            return [waits.finding("ksm", .cpuContention, observation, threads, fix: fix)]
        }
        return [
            Finding(
                rule: "ksm", cause: .configuration, severity: .info, confidence: .configuration,
                summary: "the kernel compares pages of programs (KSM); nothing shows that it pays",
                culprit: FindingCulprit(kind: .setting, id: "ksm", name: "/sys/kernel/mm/ksm/run"),
                evidence: [
                    Evidence(
                        name: "/sys/kernel/mm/ksm/run", value: 1, unit: "", threshold: 1,
                        source: "judgement: a twentieth of a CPU")
                ],
                fix: fix, verify: "`cat /sys/kernel/mm/ksm/run` shows 0")
        ]
    }
}
