import Signals
import Training

private let launchShare = Limit(1, "%", source: "judgement: 1 % of step time is worth a change")
private let anyShare = Limit(5, "%", source: "judgement: a twentieth of a thread's time")

extension Rule {
    package static let mmapLockContention = Rule(
        id: "mmap-lock-contention", cause: .lockContention, ceiling: .critical,
        title: "Threads of one program queue for the lock of its address space",
        explanation: Explanation(
            what: """
                All threads of a program share one list of its memory areas, guarded by one lock. \
                Allocating, freeing, starting threads and many page faults take it.
                """,
            why: """
                While one thread changes the list, the others stop at their next page fault or \
                allocation. A launch thread can be stopped by its own loader threads.
                """,
            seen: "Watched threads were blocked waiting for that lock.",
            fix: """
                The C library is told to keep freed memory for the next use, so the list changes \
                less often. Data loaders as processes have a list each.
                """,
            avoid: "The job's memory use grows; leave it when the job is near a memory limit.",
            verify: "The time that threads are blocked at the lock is below 1 %.",
            sources: ["Documentation/mm/process_addrs.rst", "mallopt(3)"])
    ) { observation throws(Unavailable) in
        let threads = try observation.threads()
        let storm = observation.optional(Interrupts.self).map {
            TLBShootdowns(observation, threads, $0)
        }
        // The same fix, by the rule that knows more.
        let taken = storm?.isStorm == true ? storm?.stormers ?? [] : []
        let losses = ThreadLosses(threads.threads, during: observation.whole) {
            taken.contains($0.pid) ? 0 : $0.mmapLock
        }
        let launch = losses.filter { observation.job.role($0.thread.tid) == .launch }
        guard
            launchShare.isReached(by: launch.worstPercent)
                || anyShare.isReached(by: losses.worstPercent)
        else { return [] }
        let worst = losses.entries.first?.thread
        return [
            Finding(
                rule: "mmap-lock-contention", cause: .lockContention,
                severity: observation.severity(of: losses, in: threads), confidence: .measured,
                summary: "waiting for the lock of the address space: \(losses.worstInWords)",
                culprit: worst.map {
                    FindingCulprit(
                        kind: .process, id: "\($0.pid)",
                        name: observation.job.process($0.pid)?.name ?? $0.name)
                },
                affected: observation.affected(losses),
                evidence: [
                    launchShare.evidence("worst launch thread at the lock", launch.worstPercent),
                    anyShare.evidence("worst thread at the lock", losses.worstPercent),
                ],
                fix: .keepFreedMemory,
                verify: "the next report shows less than 1 % of waiting for the lock",
                claims: losses.claims(.mmapLock))
        ]
    }
}
