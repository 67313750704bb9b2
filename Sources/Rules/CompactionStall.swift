import Host
import Signals
import Training

/// Time that watched threads spent moving pages together, and whether it is worth acting on.
private struct CompactionStall {
    static let perMinute = Limit(50, "ms/min", source: "judgement: near 0.1 % of wall")
    static let stallsPerSecond = Limit(
        1, "1/s", source: "judgement: background compaction keeps this at none")

    var observation: Observation
    var threads: Threads
    var losses: ThreadLosses
    var stalls: Double
    var isLong: Bool

    /// `nil` when nothing is wrong.
    init?(_ observation: Observation) throws(Unavailable) {
        self.observation = observation
        threads = try observation.threads()
        losses = ThreadLosses(threads.threads, during: observation.whole) { $0.time[.compaction] }
        let counters = observation.optional(VirtualMemory.self) ?? VirtualMemory()
        stalls = observation.whole.perSecond(counters["compact_stall"])
        isLong = Self.isLong(losses, observation, threads)
        guard !losses.isEmpty, isLong || Self.stallsPerSecond.isReached(by: stalls) else {
            return nil
        }
    }

    private static func isLong(
        _ losses: ThreadLosses, _ observation: Observation, _ threads: Threads
    ) -> Bool {
        let isWholeHost =
            observation.job.scope == .host && !observation.knowsLaunchThreads(threads)
        if !isWholeHost && perMinute.isReached(by: losses.millisecondsPerMinute) { return true }
        return observation.isStalled(losses, in: threads, perMinute: perMinute)
    }

    /// Huge pages at a page fault are what makes threads compact.
    var isForHugePages: Bool {
        let settings = observation.facts.settings
        let compacts = ["always", "madvise", "defer+madvise"].contains(settings.thpDefrag ?? "")
        return compacts && settings.thpEnabled != "never"
    }

    func finding(_ rule: String, setting: String, fix: Fix) -> Finding {
        Finding(
            rule: rule, cause: .compactionStall,
            severity: isLong ? observation.severity(of: losses, in: threads) : .info,
            confidence: .measured,
            summary: "memory compaction: \(losses.worstInWords), "
                + "\(briefFigure(losses.millisecondsPerMinute)) ms a minute in all"
                + observation.brokenNodesInWords,
            culprit: FindingCulprit(kind: .setting, id: setting, name: setting),
            affected: observation.affected(losses),
            evidence: [
                Self.perMinute.evidence(
                    "compaction in watched threads", losses.millisecondsPerMinute),
                Self.stallsPerSecond.evidence("compact_stall", stalls),
                losses.shareEvidence,
            ],
            fix: fix,
            verify: "`grep compact_stall /proc/vmstat` twice, a minute apart: no growth",
            claims: losses.claims(.state(.compaction)))
    }
}

extension Rule {
    package static let thpDefragDirectStall = Rule(
        id: "thp-defrag-direct-stall", cause: .compactionStall, ceiling: .critical,
        title: "Threads move memory around to get huge pages",
        explanation: Explanation(
            what: """
                A huge page is one piece of 2 MiB instead of 512 pieces of 4 KiB. When memory is \
                broken up, the kernel must move pages together first (compaction). The defrag \
                setting says whether the thread that touches new memory has to do that itself.
                """,
            why: """
                The thread stands still for 1 ms up to seconds on a plain memory access. Pinned \
                memory for the GPU is taken in large pieces, so training meets this often.
                """,
            seen: "Watched threads spent time in direct compaction, and defrag allows it.",
            fix: """
                With a `defer` setting the thread gets small pages at once, and the kernel makes \
                huge pages in the background.
                """,
            avoid: """
                Leave it when start-up speed with huge pages matters more than even steps: there \
                are fewer of them right after the start. `defer+madvise` still lets programs \
                that asked for huge pages wait.
                """,
            verify: "compact_stall in /proc/vmstat stops growing; thp_fault_alloc still grows.",
            sources: ["Documentation/admin-guide/mm/transhuge.rst"])
    ) { observation throws(Unavailable) in
        guard let stall = try CompactionStall(observation), stall.isForHugePages else { return [] }
        let old = observation.facts.settings.thpDefrag ?? ""
        let path = "/sys/kernel/mm/transparent_hugepage/defrag"
        // Where only programs that ask get huge pages, it is they who stall: they must not wait.
        let mayAsk = old == "always" && observation.facts.settings.thpEnabled != "madvise"
        let fix = Fix.file(
            path, to: mayAsk ? "defer+madvise" : "defer", from: old, called: "thp-defrag",
            risk: "fewer huge pages right after programs start"
                + (mayAsk ? "; programs that ask for them still wait: write defer if they do" : ""),
            managedBy: observation.manager("tuned"))
        return [stall.finding("thp-defrag-direct-stall", setting: path, fix: fix)]
    }

    package static let compactionProactiveness = Rule(
        id: "compaction-proactiveness", cause: .compactionStall, ceiling: .critical,
        title: "Threads move memory around to get large pieces",
        explanation: Explanation(
            what: """
                Drivers, network buffers and reserved huge pages need large pieces of memory in \
                one. When memory is broken up, the thread that asks moves pages together first. \
                A background thread, kcompactd, can keep large pieces ready.
                """,
            why: "The asking thread, or the driver call it is in, stands still meanwhile.",
            seen: """
                Watched threads spent time in direct compaction, and transparent huge pages are \
                not set to compact at a page fault.
                """,
            fix: """
                vm.compaction_proactiveness above 0 lets kcompactd work ahead; 20 is the kernel's \
                default. Where it is on already, memory is put together once, between two jobs.
                """,
            avoid: """
                Writing the setting starts a compaction at once. Do it between two jobs, not \
                during one.
                """,
            verify: "compact_stall in /proc/vmstat stops growing.",
            sources: ["Documentation/admin-guide/sysctl/vm.rst"])
    ) { observation throws(Unavailable) in
        guard let stall = try CompactionStall(observation), !stall.isForHugePages else { return [] }
        let name = "vm.compaction_proactiveness"
        let old = observation.facts.settings.number(name)
        let fix =
            old == 0
            ? Fix.sysctl(
                name, to: "20", from: "0",
                risk: "starts a compaction at once; kcompactd takes some CPU time from now on")
            : Fix(
                commands: observation.compactNow,
                persist: ["# the same lines in the prologue of each job"],
                risk: "moves pages of whole nodes: between two jobs, never during one")
        return [stall.finding("compaction-proactiveness", setting: name, fix: fix)]
    }

    /// Whether direct compaction costs so much that more huge pages are the wrong advice.
    static func isCompacting(_ observation: Observation) -> Bool {
        let stall = try? CompactionStall(observation)
        return stall?.isLong ?? false
    }
}
