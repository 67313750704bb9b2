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

    let interruptions: Interruptions
    let source: Source
    let scope: Job.Scope
    /// Who computes on which GPU, as known at the start.
    let gpus: GPUTable
    /// How long to look; `nil`: until the user interrupts.
    let nanoseconds: UInt64?
    /// What the progress line says is done.
    var activity = "watching"
    /// Processes that belong to the watched group now; empty when no group is watched.
    var groupMembers: () -> Set<Int32> = { [] }
    /// How the watched processes were found; `nil` where they were named.
    var search: TrainingSearch?
    /// The command that is watched, once it runs.
    var start: (() throws(Failure) -> Child)?

    /// What was read at one moment.
    struct Reading {
        var sample: Sample
        /// Seconds since 1970.
        var wallClock: Double
        /// There will be no other.
        var isLast: Bool
    }

    /// Looks, and puts together what was seen.
    func observe() throws(Failure) -> Observation {
        var startedAt = wallClock()
        var first: Sample?
        var last: Sample?
        var timeline: [Window] = []
        var jobs = try watch { reading, _ in
            if let last {
                let step = Window(from: last, to: reading.sample, of: allSignals)
                timeline.append(step.withoutSleepers)
            } else {
                first = reading.sample
                startedAt = reading.wallClock
            }
            last = reading.sample
        }
        guard let first, let last else { throw Failure("could not measure: nothing was read") }
        let whole = Window(from: first, to: last, of: allSignals)
        let threads = (try? whole(Threads.self)) ?? Threads()
        var job = jobs.job(threads)
        job.search = search
        return Observation(
            facts: source.facts, job: job, whole: whole, timeline: timeline,
            coverage: whole.change.coverage(of: allSignals), startedAt: startedAt)
    }

    /// Runs until the time is over, everything watched has ended or the user interrupts; `see` gets
    /// each reading when it was taken.
    func watch(_ see: (Reading, inout JobWatcher) -> Void) throws(Failure) -> JobWatcher {
        let sensors = Sensors(on: source)
        var jobs = JobWatcher(
            on: source.host, scope: scope, topology: source.facts.topology,
            gpus: gpus, memoryNanoseconds: source.memoryNanoseconds)
        let startedAt = wallClock()
        let first = sensors.sample()
        note(first, &jobs)
        see(Reading(sample: first, wallClock: startedAt, isLast: false), &jobs)
        var child: Child?
        if let start { child = try start() }
        var read = first.monotonic
        var lookedAt: UInt64 = 0
        let begin = monotonicNanoseconds()
        let deadline = nanoseconds.map { begin + $0 }
        while true {
            let isOver = pause(&child, until: deadline ?? .max)
            source.drainDeaths()
            jobs.watchSteps()
            let now = monotonicNanoseconds()
            if now - lookedAt >= Self.lookNanoseconds {
                lookedAt = now
                source.look()
                jobs.watchAffinity()
                showProgress(now, since: begin, until: deadline)
            }
            guard isOver || now - read >= Self.stepNanoseconds else { continue }
            source.add(Array(groupMembers().subtracting(source.watchedPids)))
            source.add(Array(newcomers(jobs.gpus)))
            source.isAtEnd = isOver || isGone(child)
            let readAt = wallClock()
            let sample = sensors.sample()
            note(sample, &jobs)
            see(Reading(sample: sample, wallClock: readAt, isLast: source.isAtEnd), &jobs)
            read = sample.monotonic
            if source.isAtEnd { break }
        }
        Terminal.progress("")
        return jobs
    }

    /// Ranks that a driver tells of now: on a host in trouble its first answer may come late. None
    /// where the user has named who is watched.
    private func newcomers(_ gpus: GPUTable) -> Set<Int32> {
        guard search != nil, scope == .processes else { return [] }
        let new = Set(gpus.listed.values.joined()).subtracting(source.watchedPids)
        guard !new.isEmpty else { return [] }
        return withDescendants(new, parents: source.host.parents)
            .subtracting(source.watchedPids)
    }

    private func showProgress(_ now: UInt64, since begin: UInt64, until deadline: UInt64?) {
        guard let deadline else {
            let seconds = growth(now, begin) / 1_000_000_000
            return Terminal.progress("\(activity) for \(seconds) s, end with Ctrl-C")
        }
        let left = growth(deadline, now) / 1_000_000_000 + 1
        Terminal.progress("\(activity), \(left) s left")
    }

    /// Sleeps until the next look; true when the watching is over.
    private func pause(_ child: inout Child?, until deadline: UInt64) -> Bool {
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

/// Seconds since 1970.
func wallClock() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
