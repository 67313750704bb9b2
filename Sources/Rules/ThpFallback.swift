import Host
import Signals
import Training

private let share = Limit(20, "%", source: "judgement: one huge page in five is missing")
private let attemptsPerSecond = Limit(
    10, "1/s", source: "judgement: fewer attempts cost too little")
private let leastLarge = Limit(1, "%", source: "judgement: fewer will not last a loading phase")
/// Below this share of free memory the zone is in use, not broken up.
private let leastFree = 2.0

extension Rule {
    package static let thpFallbackFragmentation = Rule(
        id: "thp-fallback-fragmentation", cause: .thpFallback, ceiling: .warning,
        title: "Huge pages are wanted and not to be had",
        explanation: Explanation(
            what: """
                The kernel tries to give out memory in huge pages of 2 MiB. When free memory is \
                broken up into small pieces it cannot, and hands out 512 small pages instead.
                """,
            why: """
                Each small page costs its own page fault and address-table entry. Pinning memory \
                for GPU or network becomes slow, or fails.
                """,
            seen: "The kernel's own count of huge pages that were wanted and not found.",
            fix: """
                Between two jobs, throw out cached file contents and let the kernel put free \
                memory together, on the nodes where it is in pieces.
                """,
            avoid: """
                Never during a job: the data set in memory is lost and all CPUs are busy moving \
                pages. Where threads already stall in compaction, cure that first.
                """,
            verify: "thp_fault_fallback in /proc/vmstat grows slowly against thp_fault_alloc.",
            sources: ["Documentation/admin-guide/mm/transhuge.rst", "admin-guide/sysctl/vm.rst"])
    ) { observation throws(Unavailable) in
        let counters = try observation.whole(VirtualMemory.self)
        // A cgroup limit refuses huge pages too; that is not fragmentation.
        let refused = growth(
            counters["thp_fault_fallback"], counters["thp_fault_fallback_charge"])
        let wanted = counters["thp_fault_alloc"] &+ refused
        let rate = observation.whole.perSecond(wanted)
        let percent = wanted > 0 ? 100 * Double(refused) / Double(wanted) : 0
        if share.isReached(by: percent) && attemptsPerSecond.isReached(by: rate) {
            let hit = observation.hitByFallback(refused)
            let isHint = hit.isEmpty || observation.job.scope == .host || isCompacting(observation)
            return [
                finding(
                    observation, isHint ? .info : .warning,
                    summary: "\(briefFigure(percent)) % of \(briefFigure(rate)) huge pages a "
                        + "second could not be given out" + observation.brokenNodesInWords,
                    affected: hit,
                    [
                        share.evidence("huge pages refused", percent),
                        attemptsPerSecond.evidence("huge pages wanted", rate),
                    ])
            ]
        }
        guard wanted > 0, let zone = brokenZone(observation) else { return [] }
        return [
            finding(
                observation, .info,
                summary: "free memory of node \(zone.node) is in pieces below 2 MiB",
                affected: [],
                [leastLarge.evidence("zone in free pieces of 2 MiB", zone.largePercent)])
        ]
    }

    /// A zone of at least 1 GiB with free memory, of which next to nothing is in large pieces.
    private static func brokenZone(_ observation: Observation) -> MemoryZone? {
        let zones = observation.optional(FreeMemory.self)?.zones ?? []
        return zones.first { zone in
            zone.name == "Normal" && zone.managed >= 262_144 && !zone.freeBlocks.isEmpty
                && 100 * Double(zone.free) / Double(zone.managed) >= leastFree
                && zone.largePercent < leastLarge.value
        }
    }

    private static func finding(
        _ observation: Observation, _ severity: Severity, summary: String, affected: [Affected],
        _ evidence: [Evidence]
    ) -> Finding {
        let fix = ["sync", "echo 1 > /proc/sys/vm/drop_caches"] + observation.compactNow
        return Finding(
            rule: "thp-fallback-fragmentation", cause: .thpFallback, severity: severity,
            confidence: severity == .warning ? .associated : .configuration, summary: summary,
            affected: affected, evidence: evidence,
            fix: Fix(
                commands: fix, persist: ["# the same lines in the prologue of each job"],
                risk: "between two jobs only: cached file contents are lost, CPUs are busy"),
            verify: "`grep thp_fault /proc/vmstat` twice: fallback grows slowly against alloc")
    }
}

extension Observation {
    /// Watched threads, if they took as many page faults as there were refusals: else the
    /// refusals were somebody else's.
    fileprivate func hitByFallback(_ refused: UInt64) -> [Affected] {
        guard let threads = optional(Threads.self) else { return [] }
        let faulting = threads.threads.filter { $0.minorFaults > 0 }
        guard faulting.reduce(0, { $0 &+ $1.minorFaults }) >= refused else { return [] }
        return faulting.map(affected)
    }
}
