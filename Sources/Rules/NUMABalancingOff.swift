import Host
import Signals
import Training

private let scanShare = Limit(
    0.01, "share of wall", source: "DeepEP issue 624: 139 scans of 5 ms in 60 s held up all ranks")
private let longScan = Limit(
    5, "ms", source: "DeepEP issue 624: the mean length of the scans that hurt")
private let markRate = Limit(10_000, "pages/s", source: "judgement: 40 MB of mappings a second")
private let moveRate = Limit(
    2_000, "pages/s", source: "judgement: some 5 us each with their page fault, 1 % of a CPU")
private let farFaultRate = Limit(
    1_000, "faults/s", source: "judgement: pages that are used from afar, and found so for ever")
/// What a hint fault takes, seconds. For ranking alone. Judgement.
private let faultCost = 2e-6
/// Bits of kernel.numa_balancing.
private let balances: Int64 = 1

extension Rule {
    package static let numaBalancingOff = Rule(
        id: "numa-balancing-off", cause: .numaBalancing, ceiling: .critical,
        title: "The kernel keeps searching for better places for the job's memory",
        explanation: Explanation(
            what: """
                NUMA balancing finds out which memory node uses which page: again and again the \
                kernel marks pages of a program as not to be touched, takes a page fault at the \
                next access, and moves pages that are used from afar.
                """,
            why: """
                The marking is done by the thread itself, in the middle of its work, for \
                milliseconds at a time (8 to 31 ms were seen on the communication path of a \
                training job); faults and moves come on top. A job whose threads are bound gains \
                nothing by it.
                """,
            seen: """
                Where the kernel lets a probe see it: the time that launch and communication \
                threads spent marking (task_numa_work). Else the host's counters of marked and \
                moved pages and of the faults, which say that it happens and not what it cost. These \
                count for the job only if its threads took half as many page faults.
                """,
            fix: "Switches NUMA balancing off; placement is then up to you.",
            avoid: """
                Only after the job is bound: for an unbound job whose threads run far from its \
                memory, this is the only thing that repairs the placement (so says the kernel's \
                documentation; vendors of training hosts switch it off). The bit for memory \
                tiers (2) is left as it is.
                """,
            verify: "numa_pte_updates in /proc/vmstat no longer grows; compare the step time.",
            sources: [
                "Documentation/admin-guide/sysctl/kernel.rst (numa_balancing)",
                "https://github.com/deepseek-ai/DeepEP/issues/624",
                "https://rocm.docs.amd.com (MI300X system optimization)",
            ]),
        check: { observation throws(Unavailable) in
            guard observation.facts.topology.hasNodes,
                let setting = observation.facts.settings.number("kernel.numa_balancing"),
                setting & balances != 0
            else { return [] }
            let balancing = try observation.whole(NUMABalancing.self)
            let threads = try observation.threads()
            return observation.churn(balancing, threads, setting).map { [$0] } ?? []
        })
}

extension Observation {
    fileprivate func churn(
        _ balancing: NUMABalancing, _ threads: Threads, _ setting: Int64
    ) -> Finding? {
        let scans = Dictionary(
            (balancing.scans ?? []).map { ($0.tid, $0) }, uniquingKeysWith: { first, _ in first })
        var claims: [Int32: [Claim]] = [:]
        for thread in threads.threads {
            guard let scan = scans[thread.tid], scan.nanoseconds > 0 else { continue }
            claims[thread.tid] = [
                Claim(
                    tid: thread.tid, loss: .state(.running),
                    nanoseconds: min(scan.nanoseconds, thread.time[.running]))
            ]
        }
        let losses = losses(in: threads, claims: claims.flatMap(\.value))
        let hit = losses.filter { isCritical($0.thread) && $0.isLongLived }
        let isDear = hit.contains { scanShare.isReached(by: $0.share) }
        let longest = hit.map { scans[$0.thread.tid]?.longest ?? 0 }.max() ?? 0
        let isLong = longScan.isReached(by: Double(longest) / 1e6)
        let isChurning = isMoving(balancing) && tookFaults(balancing, threads)
        let isMarking =
            markRate.isReached(by: whole.perSecond(balancing.pagesMarked)) && areBound(threads)
        guard isDear || isLong || isChurning || isMarking else { return nil }
        let misplaced = badlyPlaced(threads)
        let isWarning = (isDear || isChurning) && misplaced == nil && job.scope == .processes
        var finding = Finding(
            rule: "numa-balancing-off", cause: .numaBalancing,
            severity: isWarning ? severity(hit) : .info,
            confidence: isDear ? .measured : .associated,
            summary: summary(balancing, hit.first) + (misplaced.map { "; \($0)" } ?? ""),
            culprit: FindingCulprit(
                kind: .setting, id: "kernel.numa_balancing", name: "\(setting)"),
            affected: hit.map { affected($0.thread) },
            evidence: evidence(balancing, hit, longest),
            fix: switchedOff(setting, isFirst: misplaced == nil),
            verify: "`grep numa_pte_updates /proc/vmstat` twice: no growth",
            claims: losses.flatMap(\.claims))
        if isChurning {
            let faults = index(threads).critical.map(\.minorFaults).max() ?? 0
            let hints = min(faults, balancing.hintFaults)
            finding.estimate = min(1, whole.perSecond(hints) * faultCost)
        }
        return finding
    }

    /// Pages are moved, or found to be far away, all the time.
    private func isMoving(_ balancing: NUMABalancing) -> Bool {
        let isMuch =
            moveRate.isReached(by: whole.perSecond(balancing.pagesMigrated))
            || farFaultRate.isReached(by: whole.perSecond(balancing.farFaults))
        return isMuch
            && isSustained { window throws(Unavailable) in
                try window(NUMABalancing.self).hintFaults > 0 ? window.nanoseconds : 0
            }
    }

    /// Whether the watched threads may have taken the hint faults: those count as minor faults.
    private func tookFaults(_ balancing: NUMABalancing, _ threads: Threads) -> Bool {
        let faults = threads.threads.reduce(UInt64(0)) { $0 &+ $1.minorFaults }
        return balancing.hintFaults > 0 && faults >= balancing.hintFaults / 2
    }

    /// All ranks may use CPUs of one node only.
    private func areBound(_ threads: Threads) -> Bool {
        let ranks = placedRanks(threads)
        return !ranks.isEmpty
            && ranks.allSatisfy { rank in
                rank.process.allowed.map { facts.topology.nodes(of: $0).count == 1 } ?? false
            }
    }

    /// What is to be done first; balancing may be repairing it.
    private func badlyPlaced(_ threads: Threads) -> String? {
        if !remoteMemory(threads).isEmpty {
            return "bring memory and threads together first (numa-remote-memory)"
        }
        guard !index(threads).critical.contains(where: { isDrifting($0) }) else {
            return "bind the threads that wander between nodes first (numa-thread-drift)"
        }
        return nil
    }

    private func summary(_ balancing: NUMABalancing, _ worst: ThreadLoss?) -> String {
        let rates = """
            NUMA balancing marked \(briefFigure(whole.perSecond(balancing.pagesMarked))) and moved \
            \(briefFigure(whole.perSecond(balancing.pagesMigrated))) pages/s on this host
            """
        guard let worst else {
            return rates + (balancing.scans == nil ? "; the time it took cannot be seen here" : "")
        }
        return """
            \(rates); marking took \(SchedulingText.percent(worst.share)) of the time of \
            \(SchedulingText.thread(worst))
            """
    }

    private func evidence(
        _ balancing: NUMABalancing, _ hit: [ThreadLoss], _ longest: UInt64
    ) -> [Evidence] {
        let faults = balancing.hintFaults
        let local = faults > 0 ? Double(balancing.localHintFaults) / Double(faults) : 0
        var rows = [
            markRate.evidence("pages marked", whole.perSecond(balancing.pagesMarked)),
            moveRate.evidence("pages moved", whole.perSecond(balancing.pagesMigrated)),
            farFaultRate.evidence(
                "hint faults on the wrong node", whole.perSecond(balancing.farFaults)),
            Evidence(name: "hint faults", value: whole.perSecond(faults), unit: "1/s"),
            Evidence(name: "hint faults on the right node", value: local, unit: "share"),
        ]
        if balancing.scans != nil {
            rows.insert(
                scanShare.evidence("marking, worst-hit thread", hit.map(\.share).max() ?? 0), at: 0)
            rows.insert(longScan.evidence("longest marking", Double(longest) / 1e6), at: 1)
        }
        return rows
    }

    private func switchedOff(_ setting: Int64, isFirst: Bool) -> Fix {
        let first = isFirst ? "" : "Not before the job is placed well. "
        return .sysctl(
            "kernel.numa_balancing", to: "\(setting & ~balances)", from: "\(setting)",
            risk: """
                \(first)Programs that are not bound stay where they are, however badly; compare \
                the step time before and after.
                """,
            managedBy: manager("tuned", "numad"))
    }
}

extension NUMABalancing {
    /// Hint faults of threads that ran on another node than the page's.
    fileprivate var farFaults: UInt64 { growth(hintFaults, localHintFaults) }
}
