import Host
import Signals
import Training

extension Rule {
    package static let memcgLimitPressure = Rule(
        id: "memcg-limit-pressure", cause: .memoryReclaim, ceiling: .critical,
        title: "The job's control group is at its memory limit",
        explanation: Explanation(
            what: """
                A control group (container, pod, Slurm job, systemd unit) has a memory limit. What \
                the job reads from files is kept in memory and counts against it. At the limit the \
                kernel makes the very thread that asks for memory clear some out first.
                """,
            why: """
                The thread does nothing else meanwhile. When it is a launch thread the GPU runs \
                dry; when it is a loader the next batch is late. Data set pages that were cleared \
                out are read from storage again.
                """,
            seen: """
                The group's own count of hits on its limit grew, and watched threads of the group \
                spent time in reclaim or read evicted pages again.
                """,
            fix: "A higher limit leaves room for the job and the part of the data set it rereads.",
            avoid: """
                Leave it when the host has no memory to spare: the limit then protects the other \
                jobs, and the job itself must use less (fewer workers, smaller prefetch).
                """,
            verify: "The group's limit events stay flat and the reclaim time goes to zero.",
            sources: ["Documentation/admin-guide/cgroup-v2.rst", "cgroup-v1/memory.rst"])
    ) { observation throws(Unavailable) in
        let threads = try observation.threads()
        _ = try observation.whole(Cgroups.self)
        return MemcgPressure(observation, threads).groups.compactMap {
            MemcgFinding(group: $0, observation: observation, threads: threads).finding
        }
    }
}

/// The loss of one group at its limit, and the limit that it should have.
private struct MemcgFinding {
    var group: MemcgPressure.Group
    var observation: Observation
    var threads: Threads

    var memory: MemoryControl { group.memory }

    var finding: Finding? {
        let window = observation.whole
        let reclaim = ThreadLosses(group.threads, during: window) { $0.time[.reclaim] }
        let delays = ThreadLosses(group.threads, during: window, lost: delayed)
        let reads = ThreadLosses(group.threads, during: window) {
            group.explainsReads ? $0.reading : 0
        }
        let stalled = [reclaim, delays].contains {
            observation.isStalled($0, in: threads, perMinute: MemcgPressure.perMinute)
        }
        guard stalled || observation.waitsForStorage(reads, in: threads) else { return nil }
        let all = ThreadLosses(group.threads, during: window) {
            $0.time[.reclaim] &+ delayed($0) &+ (group.explainsReads ? $0.reading : 0)
        }
        return Finding(
            rule: "memcg-limit-pressure", cause: .memoryReclaim,
            severity: observation.severity(of: all, in: threads), confidence: .measured,
            summary: summary(all),
            culprit: FindingCulprit(kind: .cgroup, id: group.group.path, name: group.group.folder),
            affected: observation.affected(all), evidence: evidence(reclaim, reads), fix: fix,
            verify: verify,
            claims: reclaim.claims(.state(.reclaim)) + reads.claims(.state(.io))
                + delays.claims(.state(.blocked)) + waitsBehindReclaim)
    }

    /// While a thread of the group reclaims on a CPU, others of the job wait for that CPU: the
    /// part of those waits that its process spent in reclaim and not on its own work.
    private var waitsBehindReclaim: [Claim] {
        var part: [Int32: Double] = [:]
        for (pid, members) in Dictionary(grouping: group.threads, by: \.pid) {
            let reclaim = members.reduce(0.0) { $0 + Double($1.time[.reclaim]) }
            let running = members.reduce(0.0) { $0 + Double($1.time[.running]) }
            part[pid] = reclaim > 0 ? reclaim / (reclaim + running) : 0
        }
        return threads.waits.compactMap { wait in
            guard wait.culprit.kind == .process, let part = part[wait.culprit.id], part > 0 else {
                return nil
            }
            return Claim(
                tid: wait.tid, loss: .waiting(wait.culprit),
                nanoseconds: scaled(wait.nanoseconds, by: part))
        }
    }

    /// Time blocked by memory.high's penalty: no more than the group's own pressure says.
    private func delayed(_ thread: ThreadActivity) -> UInt64 {
        guard memory.highEvents > 0, let some = group.group.memoryPressure?.some,
            MemcgPressure.pressure.isReached(by: percentOfWindow(some))
        else { return 0 }
        let blocked = growth(thread.time[.blocked], thread.mmapLock)
        return min(blocked, growth(some, thread.time[.reclaim]))
    }

    private func percentOfWindow(_ nanoseconds: UInt64) -> Double {
        let length = observation.whole.nanoseconds
        return length > 0 ? 100 * Double(nanoseconds) / Double(length) : 0
    }

    private func summary(_ all: ThreadLosses) -> String {
        let events = hitsLimit ? memory.limitEvents : memory.highEvents
        return "control group \(group.group.path) hit its memory limit of "
            + "\((old ?? 0) >> 20) MiB \(events) times; \(all.worstInWords) was lost to it"
            + (raised == nil ? "; the host has no memory left to raise it" : "")
    }

    private func evidence(_ reclaim: ThreadLosses, _ reads: ThreadLosses) -> [Evidence] {
        let perSecond = observation.whole.perSecond
        var rows = [
            reclaim.shareEvidence,
            MemcgPressure.perMinute.evidence(
                "reclaim time of watched threads", reclaim.millisecondsPerMinute),
            Evidence(
                name: "hits on the limit", value: perSecond(memory.limitEvents), unit: "1/s",
                threshold: 0, source: "any growth; cgroup-v2.rst"),
            Evidence(
                name: "hits on memory.high", value: perSecond(memory.highEvents), unit: "1/s",
                threshold: 0, source: "any growth; cgroup-v2.rst"),
            Evidence(name: "memory in use", value: Double(memory.current), unit: "bytes"),
            Evidence(
                name: "evicted pages read again", value: perSecond(memory.fileRefaults),
                unit: "pages/s"),
        ]
        if let some = group.group.memoryPressure?.some {
            rows.append(
                MemcgPressure.pressure.evidence("memory pressure (some)", percentOfWindow(some)))
        }
        if !reads.isEmpty {
            rows.append(
                Evidence(name: "worst-hit thread's reads", value: reads.worstPercent, unit: "%"))
        }
        return rows
    }

    // The knob

    private var hitsLimit: Bool { memory.limitEvents > 0 && memory.limit != nil }
    private var old: UInt64? { hitsLimit ? memory.limit : memory.high }

    /// Half as much again, whole MiB, and no more than half of what the host has to spare; `nil`
    /// when that is not worth the change.
    private var raised: UInt64? {
        guard let old else { return nil }
        var more = old / 2
        if let available = observation.optional(FreeMemory.self)?.meminfo["MemAvailable"] {
            more = min(more, available / 2)
        }
        guard more >= old / 10 else { return nil }
        return (old &+ more &+ 0xF_FFFF) & ~0xF_FFFF
    }

    private var fix: Fix {
        let high = !hitsLimit
        let knob = CgroupKnob(
            group.group,
            file: high
                ? "memory.high"
                : group.group.version == 1 ? "memory.limit_in_bytes" : "memory.max",
            property: high ? "MemoryHigh" : "MemoryMax")
        guard let raised else {
            return Fix(
                commands: ["# give the job fewer loader workers or a smaller prefetch_factor"],
                risk: "the host has too little free memory for a higher limit")
        }
        let mebibytes = raised >> 20
        let specification =
            switch CgroupPaths.owner(group.group.path) {
            case "kubelet": "resources.limits.memory: \(mebibytes)Mi in the pod"
            case "slurmd": "#SBATCH --mem=\(mebibytes)M"
            case "docker": "docker run --memory=\(mebibytes)m"
            default: "a memory limit of \(raised) bytes"
            }
        return knob.fix(
            to: raised, from: old, on: observation.facts, specification: specification,
            risk: "the job may use \(mebibytes) MiB; other jobs on the host get that much less")
    }

    private var verify: String {
        let file = group.group.version == 1 ? "memory.failcnt" : "memory.events"
        return "`cat \(shellWord(group.group.folder + "/" + file))` twice, a minute "
            + "apart: the count stays the same"
    }
}
