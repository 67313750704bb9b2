import Host
import Signals
import Training

private let swapRate = Limit(
    1, "pages/s", source: "judgement: training hosts should not swap at all")

extension Rule {
    package static let swapActive = Rule(
        id: "swap-active", cause: .swap, ceiling: .critical,
        title: "Memory of the job is written to disk and read back",
        explanation: Explanation(
            what: """
                When memory runs short, Linux writes pages that programs have not used lately to \
                a swap device. A thread that touches such a page waits until it is read back.
                """,
            why: """
                A wait of up to several milliseconds on a plain memory access. Cluster health \
                checks commonly demand that training hosts do not swap at all.
                """,
            seen: "The kernel's count of pages swapped in and out, and major faults of the job.",
            fix: """
                Where everything fits into memory, swap is switched off and its contents come \
                back. Otherwise a low vm.swappiness makes the kernel take file contents first.
                """,
            avoid: """
                Switching swap off with too little free memory gets programs killed. Swap on zram \
                is compressed memory and stays.
                """,
            verify: "pswpin and pswpout in /proc/vmstat stop growing.",
            sources: ["Documentation/admin-guide/sysctl/vm.rst", "Azure HPC health checks"])
    ) { observation throws(Unavailable) in
        _ = try observation.whole(VirtualMemory.self)
        let stall = try FaultStall(observation)
        let isCostly = stall.isLong(observation) && stall.isSwap
        guard isCostly || (isSustained(observation) && stall.watchedMajorFaults > 0) else {
            return []
        }
        let losses = isCostly ? stall.losses : stall.losses.filter { _ in false }
        let rate = stall.swapIns + stall.swapOuts
        return [
            Finding(
                rule: "swap-active", cause: .swap,
                severity: isCostly ? observation.severity(of: losses, in: stall.threads) : .info,
                confidence: isCostly ? .measured : .associated,
                summary: "\(briefFigure(stall.swapIns)) pages a second are read from swap, "
                    + "\(briefFigure(stall.swapOuts)) written; \(losses.worstInWords)",
                culprit: FindingCulprit(
                    kind: .setting, id: "vm.swappiness", name: "vm.swappiness"),
                affected: observation.affected(losses),
                evidence: [
                    swapRate.evidence("pages swapped in and out", rate),
                    losses.shareEvidence,
                    Evidence(name: "major faults", value: stall.majorFaults, unit: "1/s"),
                    Evidence(
                        name: "swap in use",
                        value: Double(swapUsed(observation.facts)), unit: "bytes"),
                ],
                fix: fix(observation),
                verify: "`grep pswp /proc/vmstat` twice, a minute apart: no growth",
                claims: losses.claims(.state(.fault)))
        ]
    }

    /// Swapping in each part of the window, not in one burst; pages came back as well.
    private static func isSustained(_ observation: Observation) -> Bool {
        let parts = observation.timeline.isEmpty ? [observation.whole] : observation.timeline
        guard (observation.optional(VirtualMemory.self)?["pswpin"] ?? 0) > 0 else { return false }
        return parts.allSatisfy { part in
            guard case .success(let counters) = part.change[VirtualMemory.self] else {
                return false
            }
            return swapRate.isReached(
                by: part.perSecond(counters["pswpin"] &+ counters["pswpout"]))
        }
    }

    private static func swapUsed(_ facts: HostFacts) -> UInt64 {
        facts.settings.swapDevices.reduce(0) { $0 &+ $1.usedBytes }
    }

    private static func fix(_ observation: Observation) -> Fix {
        let facts = observation.facts
        let used = swapUsed(facts)
        let available = observation.optional(FreeMemory.self)?.meminfo["MemAvailable"] ?? 0
        let devices = facts.settings.swapDevices
        let isLimited = (observation.optional(Cgroups.self)?.groups ?? []).contains {
            ($0.memory?.limitEvents ?? 0) > 0 || ($0.memory?.highEvents ?? 0) > 0
        }
        let isDisk = !devices.isEmpty && !devices.contains { $0.name.contains("zram") }
        if isDisk && !isLimited && available / 2 >= max(used, 1) {
            return Fix(
                commands: ["swapoff -a"],
                persist: ["# /etc/fstab: put a # before the lines of type swap"],
                rollback: ["swapon -a"],
                risk: "programs are killed when memory runs out; \(used >> 20) MiB come back "
                    + "into memory, \(available >> 20) MiB are available")
        }
        let old = facts.settings.number("vm.swappiness")
        return .sysctl(
            "vm.swappiness", to: (old ?? 60) > 10 ? "10" : "1", from: old.map { "\($0)" },
            risk: "file contents are thrown out before program memory is swapped",
            managedBy: observation.manager("tuned"))
    }
}
