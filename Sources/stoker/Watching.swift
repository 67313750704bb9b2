import Glibc
import Host
import Signals
import Training

/// Looks at the host for a while and puts together what was seen.
struct Watching {
    /// The ring of ended threads holds 5,500: enough for 200,000 deaths a second at this pace. It
    /// varies, or the rhythm of short steps would be mistaken for that of longer ones.
    private static let drainMilliseconds: ClosedRange<UInt64> = 14...26
    /// Masks of allowed CPUs are looked at this often.
    private static let lookNanoseconds: UInt64 = 100_000_000
    /// The timeline's step. The ledger of thousands of threads ten times a second would cost more
    /// than a diagnosis may; nothing is lost between steps, the kernel adds up.
    private static let stepNanoseconds: UInt64 = 1_000_000_000

    let source: Source
    let scope: Job.Scope
    /// Who computes on which GPU, as known at the start.
    let gpus: GPUTable
    let nanoseconds: UInt64
    /// Processes that belong to the watched group now; empty when no group is watched.
    var groupMembers: () -> Set<Int32> = { [] }
    /// How the watched processes were found; `nil` where they were named.
    var search: TrainingSearch?
    /// The command that is watched, once it runs.
    var start: (() throws(Failure) -> Child)?

    /// Runs until the time is over, everything watched has ended or the user interrupts.
    func observe(_ interruptions: Interruptions) throws(Failure) -> Observation {
        let sensors = Sensors(on: source)
        var jobs = JobWatcher(
            on: source.host, scope: scope, topology: source.facts.topology,
            gpus: gpus)
        let startedAt = wallClock()
        let first = sensors.sample()
        note(first, &jobs)
        var child: Child?
        if let start { child = try start() }
        var timeline: [Window] = []
        var last = first
        var lookedAt: UInt64 = 0
        let deadline = monotonicNanoseconds() + nanoseconds
        while true {
            let isOver = pause(interruptions, &child, until: deadline)
            source.drainDeaths()
            jobs.watchSteps()
            let now = monotonicNanoseconds()
            if now - lookedAt >= Self.lookNanoseconds {
                lookedAt = now
                source.look()
                jobs.watchAffinity()
                Terminal.progress("watching, \(growth(deadline, now) / 1_000_000_000 + 1) s left")
            }
            guard isOver || now - last.monotonic >= Self.stepNanoseconds else { continue }
            source.add(Array(groupMembers().subtracting(source.watchedPids)))
            source.isAtEnd = isOver || isGone(child)
            let sample = sensors.sample()
            note(sample, &jobs)
            timeline.append(sensors.window(from: last, to: sample).withoutSleepers)
            last = sample
            if source.isAtEnd { break }
        }
        Terminal.progress("")
        let whole = sensors.window(from: first, to: last)
        let threads = (try? whole(Threads.self)) ?? Threads()
        var job = jobs.job(threads)
        job.search = search
        return Observation(
            facts: source.facts, job: job, whole: whole, timeline: timeline,
            coverage: whole.change.coverage(of: allSignals), startedAt: startedAt)
    }

    /// Sleeps until the next look; true when the watching is over.
    private func pause(
        _ interruptions: Interruptions, _ child: inout Child?, until deadline: UInt64
    ) -> Bool {
        let left = growth(deadline, monotonicNanoseconds()) / 1_000_000
        let pace = UInt64.random(in: Self.drainMilliseconds)
        if let event = interruptions.wait(milliseconds: min(left, pace)) {
            if event.signal == SIGCHLD {
                child?.look()
            } else if child == nil {
                return true
            } else {
                child?.forward(event)
            }
        }
        child?.look()
        return child?.hasEnded == true || monotonicNanoseconds() >= deadline
    }

    /// Every process that was named has ended.
    private func isGone(_ child: Child?) -> Bool {
        guard child == nil, !source.watch.everything, !source.watch.pids.isEmpty else {
            return false
        }
        return !source.watchedPids.contains { source.host.exists("/proc/\($0)/stat") }
    }

    private func note(_ sample: Sample, _ jobs: inout JobWatcher) {
        if case .success(let gpus) = sample.totals[GPUs.self] {
            for gpu in gpus.gpus { jobs.gpus.listed[gpu.pci] = gpu.processes }
        }
        if case .success(let threads) = sample.totals[Threads.self] { jobs.update(threads) }
    }
}

extension Window {
    /// Threads that only slept say nothing in a step of the timeline, and cost memory.
    fileprivate var withoutSleepers: Window {
        var window = self
        window.change[Threads.self] = change[Threads.self].map { threads in
            var awake = threads
            awake.threads.removeAll { $0.awake == 0 }
            return awake
        }
        return window
    }
}

/// Seconds since 1970.
func wallClock() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
