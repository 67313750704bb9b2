import Host
import Signals
import Training

private let gibibyte: UInt64 = 1 << 30

extension Rule {
    package static let thpEnabledPolicy = Rule(
        id: "thp-enabled-policy", cause: .configuration, ceiling: .info,
        title: "Huge pages are off on a host with large jobs",
        explanation: Explanation(
            what: """
                Transparent huge pages let the kernel give out 2 MiB of memory at one go instead \
                of 4 KiB. Here they are off for all programs.
                """,
            why: """
                Large buffers are then built from many small pages, each with its own page fault \
                and its own place in the CPU's address tables.
                """,
            seen: "The setting is `never`, programs hold much memory, and page faults are many.",
            fix: "`madvise` gives huge pages to the programs that ask for them, and to no others.",
            avoid: """
                Programs that fork often may use more memory. AWS EFA with fork needs \
                FI_EFA_USE_HUGE_PAGE=0. Latency profiles of tuned set `never` on purpose.
                """,
            verify: "thp_fault_alloc in /proc/vmstat grows and page faults become half or fewer.",
            sources: [
                "Documentation/admin-guide/mm/transhuge.rst",
                "tuned profiles hpc-compute (always) and network-latency (never)",
            ])
    ) { observation throws(Unavailable) in
        let threads = try observation.threads()
        let memory = try observation.whole(FreeMemory.self)
        let faults = observation.whole.perSecond(
            threads.threads.reduce(0) { $0 &+ $1.minorFaults })
        let anonymous = Double(memory.meminfo["AnonPages"] ?? 0) / Double(gibibyte)
        let faultLimit = Limit(
            50_000, "1/s", source: "judgement: several percent of a CPU in faults")
        let memoryLimit = Limit(32, "GiB", source: "judgement: more than the TLB covers by far")
        guard observation.facts.settings.thpEnabled == "never", faultLimit.isReached(by: faults),
            memoryLimit.isReached(by: anonymous)
        else { return [] }
        let path = "/sys/kernel/mm/transparent_hugepage/enabled"
        return [
            Finding(
                rule: "thp-enabled-policy", cause: .configuration, severity: .info,
                confidence: .configuration,
                summary: "huge pages are off; watched threads take \(briefFigure(faults)) page "
                    + "faults a second",
                culprit: FindingCulprit(kind: .setting, id: path, name: path),
                evidence: [
                    faultLimit.evidence("minor faults of watched threads", faults),
                    memoryLimit.evidence("anonymous memory", anonymous),
                ],
                fix: .file(
                    path, to: "madvise", from: "never", called: "thp-enabled",
                    risk: "programs that ask for huge pages may use more memory",
                    managedBy: observation.manager("tuned")),
                verify: "`grep thp_fault_alloc /proc/vmstat` grows")
        ]
    }
}
