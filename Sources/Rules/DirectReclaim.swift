import Host
import Signals
import Training

private let stallsPerSecond = Limit(1, "1/s", source: "judgement: kswapd keeps this at none")
private let perMinute = MemcgPressure.perMinute
/// From here on keeping so much memory free costs more than it brings.
private let highestFactor: Int64 = 400
private let tebibyte: UInt64 = 1 << 40

extension Rule {
    package static let watermarkScaleFactor = Rule(
        id: "watermark-scale-factor", cause: .memoryReclaim, ceiling: .critical,
        title: "Threads clear memory themselves because the kernel starts too late",
        explanation: Explanation(
            what: """
                Linux fills free memory with file contents. A kernel thread, kswapd, clears some \
                out before memory runs short. When it starts too late, or too little is kept \
                free, a thread that asks for memory must do the clearing first: direct reclaim.
                """,
            why: """
                The thread stands still for up to many milliseconds at a moment nobody chose. In \
                a launch thread that is GPU idle time; with several GPUs in step all of them wait.
                """,
            seen: """
                Watched threads spent time in direct reclaim, and no control group of theirs was \
                at its own limit.
                """,
            fix: """
                vm.watermark_scale_factor says how much memory kswapd keeps free, in 1/10,000 of \
                the memory. A higher value makes it start earlier.
                """,
            avoid: """
                It does not help when programs really need all the memory: then the job must use \
                less. On very large hosts 1 % is already many gigabytes.
                """,
            verify: "allocstall_* in /proc/vmstat stops growing.",
            sources: ["Documentation/admin-guide/sysctl/vm.rst"])
    ) { observation throws(Unavailable) in
        let threads = try observation.threads()
        let memcg = MemcgPressure(observation, threads)
        let losses = ThreadLosses(threads.threads, during: observation.whole) {
            memcg.holds($0) ? 0 : $0.time[.reclaim]
        }
        let counters = observation.optional(VirtualMemory.self) ?? VirtualMemory()
        let stalls = observation.whole.perSecond(counters.sum("allocstall"))
        let isLong = observation.isStalled(losses, in: threads, perMinute: perMinute)
        guard !losses.isEmpty, isLong || stallsPerSecond.isReached(by: stalls) else { return [] }
        return [
            Finding(
                rule: "watermark-scale-factor", cause: .memoryReclaim,
                severity: isLong ? observation.severity(of: losses, in: threads) : .info,
                confidence: .measured,
                summary: "direct reclaim: \(losses.worstInWords), "
                    + "\(briefFigure(losses.millisecondsPerMinute)) ms a minute in all",
                culprit: FindingCulprit(
                    kind: .setting, id: "vm.watermark_scale_factor",
                    name: "vm.watermark_scale_factor"),
                affected: observation.affected(losses),
                evidence: evidence(losses, stalls, counters, observation),
                fix: earlierReclaim(observation),
                verify: "`grep allocstall /proc/vmstat` twice, a minute apart: no growth",
                claims: losses.claims(.state(.reclaim)))
        ]
    }

    /// Only where file contents are thrown out for want of memory on one node, too.
    package static let zoneReclaimMode = Rule(
        id: "zone-reclaim-mode", cause: .configuration, ceiling: .info,
        title: "A full memory node throws out file contents instead of using the next node",
        explanation: Explanation(
            what: """
                On a host with several memory nodes, zone_reclaim_mode tells the kernel to clear \
                file contents out of a full node before it takes memory from another one.
                """,
            why: """
                The data set that was kept in memory is read from storage again, although other \
                nodes have room.
                """,
            seen: "The mode is on and evicted pages were read in again at a high rate.",
            fix: "0, the kernel's default, uses all nodes before anything is thrown out.",
            avoid: """
                Some HPC images set it on purpose. It is right where each job is bound to one \
                node and fits into it.
                """,
            verify: "workingset_refault_file in /proc/vmstat grows more slowly.",
            sources: [
                "Documentation/admin-guide/sysctl/vm.rst",
                "tuned profile hpc-compute (sets 1: contested)",
            ])
    ) { observation throws(Unavailable) in
        let refaults = observation.whole.perSecond(
            try observation.whole(VirtualMemory.self).fileRefaults)
        let limit = Limit(1_000, "pages/s", source: "judgement: 4 MiB a second read again")
        guard let mode = observation.facts.settings.number("vm.zone_reclaim_mode") else {
            throw Unavailable("vm.zone_reclaim_mode could not be read")
        }
        guard mode != 0, observation.facts.topology.nodes.count > 1,
            limit.isReached(by: refaults)
        else { return [] }
        return [
            Finding(
                rule: "zone-reclaim-mode", cause: .configuration, severity: .info,
                confidence: .configuration,
                summary: "vm.zone_reclaim_mode is \(mode) and \(briefFigure(refaults)) evicted "
                    + "pages a second are read again",
                culprit: FindingCulprit(
                    kind: .setting, id: "vm.zone_reclaim_mode", name: "vm.zone_reclaim_mode"),
                evidence: [limit.evidence("evicted pages read again", refaults)],
                fix: .sysctl(
                    "vm.zone_reclaim_mode", to: "0", from: "\(mode)",
                    risk: "jobs bound to one node may get memory of another one",
                    managedBy: observation.manager("tuned")),
                verify: "`grep workingset_refault_file /proc/vmstat` grows more slowly")
        ]
    }

    private static func evidence(
        _ losses: ThreadLosses, _ stalls: Double, _ counters: VirtualMemory,
        _ observation: Observation
    ) -> [Evidence] {
        let perSecond = observation.whole.perSecond
        return [
            losses.shareEvidence,
            perMinute.evidence("direct reclaim in watched threads", losses.millisecondsPerMinute),
            stallsPerSecond.evidence("allocstall_*", stalls),
            Evidence(
                name: "kswapd_low_wmark_hit_quickly",
                value: perSecond(counters["kswapd_low_wmark_hit_quickly"]), unit: "1/s"),
            Evidence(
                name: "pages reclaimed directly", value: perSecond(counters["pgsteal_direct"]),
                unit: "pages/s"),
        ]
    }

    private static func earlierReclaim(_ observation: Observation) -> Fix {
        let name = "vm.watermark_scale_factor"
        let facts = observation.facts
        let old = facts.settings.number(name)
        let usual: Int64 = facts.memoryTotalBytes >= tebibyte ? 50 : 100
        let target = max(usual, (old ?? 0) >= usual ? doubled(old ?? 0) : usual)
        guard target <= highestFactor else {
            return Fix(
                commands: ["# give the job fewer loader workers or a smaller prefetch_factor"],
                risk: "\(name) is \(old ?? 0) already: the programs need more memory than there is")
        }
        let kept = facts.memoryTotalBytes / 10_000 * UInt64(target) >> 20
        return .sysctl(
            name, to: "\(target)", from: old.map { "\($0)" },
            risk: "about \(kept) MiB stay free and cannot hold file contents",
            managedBy: observation.manager("tuned"))
    }
}

extension VirtualMemory {
    /// Pages of files that were evicted and read in again; one counter for all before 5.9.
    var fileRefaults: UInt64 { counters["workingset_refault_file"] ?? self["workingset_refault"] }
}
