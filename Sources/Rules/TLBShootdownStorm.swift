import Signals
import Training

/// Less than that is not worth a change.
private let worthwhile = Limit(0.5, "%", source: "judgement: less is not worth a change")

extension Rule {
    package static let tlbShootdownStorm = Rule(
        id: "tlb-shootdown-storm", cause: .tlbShootdown, ceiling: .critical,
        title: "A program keeps giving memory back and interrupts all its threads for it",
        explanation: Explanation(
            what: """
                Each CPU remembers where a program's memory is. When one thread gives memory back \
                or changes its protection, every CPU that runs a thread of that program is \
                interrupted to forget it: a TLB shootdown.
                """,
            why: """
                With many threads, a loop that allocates and frees interrupts all of them \
                thousands of times a second, and they queue for the lock of the address space.
                """,
            seen: """
                The TLB row of /proc/interrupts on CPUs that watched threads use, and a program \
                that spends much of its time in the kernel and touches fresh memory all the time.
                """,
            fix: """
                The C library is told to keep freed memory for the next use instead of handing \
                it back to the kernel. Data loaders as processes instead of threads help too.
                """,
            avoid: "The job's memory use grows; leave it when the job is near a memory limit.",
            verify: "The TLB row of /proc/interrupts grows by tens a second, not thousands.",
            sources: [
                "mallopt(3)", "measured: 58 changes of protection made 352 flushes on kernel 6.1",
            ])
    ) { observation throws(Unavailable) in
        let threads = try observation.threads()
        let storm = TLBShootdowns(observation, threads, try observation.whole(Interrupts.self))
        guard let cpu = storm.worstCPU else { return [] }
        let losses = ThreadLosses(threads.threads, during: observation.whole) { thread in
            storm.waits(threads).filter { $0.tid == thread.tid }
                .reduce(storm.interruptTime(thread) &+ storm.lockTime(thread)) {
                    $0 &+ $1.nanoseconds
                }
        }
        // The handler's time is the smaller part of what an interrupt costs, and the storming
        // program waits for every answer: at this rate on a launch thread's CPU it is a warning.
        let hitsLaunch = observation.index(threads).launch.contains {
            TLBShootdowns.perSecond.isReached(by: storm.rates[$0.cpu] ?? 0)
        }
        let isWorthwhile =
            worthwhile.isReached(by: losses.worstPercent)
            || hitsLaunch && !storm.stormers.isEmpty
        let name = threads.threads.first { $0.pid == storm.stormers.first }?.name
        return [
            Finding(
                rule: "tlb-shootdown-storm", cause: .tlbShootdown,
                severity: isWorthwhile ? observation.severity(of: losses, in: threads) : .info,
                confidence: .measured,
                summary: "CPU \(cpu) is interrupted \(briefFigure(storm.flushesPerSecond)) times "
                    + "a second to forget addresses; \(losses.worstInWords)",
                culprit: storm.stormers.first.map { pid in
                    FindingCulprit(
                        kind: .process, id: "\(pid)",
                        name: observation.job.process(pid)?.name ?? name ?? "")
                },
                affected: observation.affected(losses), evidence: evidence(storm, losses),
                fix: .keepFreedMemory,
                verify: "`grep TLB /proc/interrupts` twice, a second apart: tens on each CPU",
                claims: claims(storm, threads, observation))
        ]
    }

    private static func evidence(_ storm: TLBShootdowns, _ losses: ThreadLosses) -> [Evidence] {
        [
            TLBShootdowns.perSecond.evidence("TLB shootdowns on that CPU", storm.flushesPerSecond),
            TLBShootdowns.handlerShare.evidence(
                "time in the handler on that CPU", storm.handlerPercent),
            worthwhile.evidence("worst-hit thread's share of wall time", losses.worstPercent),
            Evidence(
                name: "part of the threads' interrupt time", value: 100 * storm.partOfInterrupts,
                unit: "%"),
        ]
    }

    private static func claims(
        _ storm: TLBShootdowns, _ threads: Threads, _ observation: Observation
    ) -> [Claim] {
        func losses(_ time: @escaping (ThreadActivity) -> UInt64) -> ThreadLosses {
            ThreadLosses(threads.threads, during: observation.whole, lost: time)
        }
        return losses(storm.interruptTime).claims(.state(.irq))
            + losses(storm.lockTime).claims(.mmapLock)
            + storm.waits(threads).map {
                Claim(tid: $0.tid, loss: .waiting($0.culprit), nanoseconds: $0.nanoseconds)
            }
    }
}
