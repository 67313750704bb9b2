package import Accelerators
import Glibc
package import Host
package import Rules
package import Signals
package import Training

/// How the engine works; all of it has a default that fits most hosts.
package struct EngineSettings: Sendable, Equatable {
    /// Between two ticks, ns.
    package var tick: UInt64 = 1_000_000_000
    /// What the rules look at, ns.
    package var window: UInt64 = 10_000_000_000
    /// Looks that must show a finding, or must not, before it is raised or cleared.
    package var raiseAfter = 3
    package var clearAfter = 10
    /// Share of the host's CPU time that Stoker and its probes may take. Judgement: nobody notices.
    package var overhead = 0.005
    package var match = TrainingMatch()

    package init() {}

    /// How far back totals remember what has ended, ns: a little longer than they are compared.
    /// Judgement.
    package var memory: UInt64 { window &+ tick &+ 5_000_000_000 }
}

/// What one tick brought.
package struct Tick: Sendable {
    /// Seconds since 1970.
    package var at: Double
    package var sample: Sample
    /// What happened since the last tick.
    package var step: Window
    package var observation: Observation
    /// Of the last seconds, with the findings that last.
    package var diagnosis: Diagnosis
    /// Since when each of those is raised, seconds since 1970, in the same order.
    package var since: [Double]
    package var change: Persistence.Change
    package var decision: OverheadBudget.Decision
    package var own: OwnReport
}

/// What Stoker says of itself.
package struct OwnReport: Sendable, Equatable {
    package var usage = SelfUsage()
    package var probes: [ProbeTotal] = []
    /// Why the cost of probes is estimated; `nil` where the kernel measures it.
    package var estimated: String?
    package var mapBytes: UInt64 = 0
    /// Share of the host's CPU time, averaged.
    package var overhead = 0.0
    package var isOverBudget = false
    package var leftOut: [String] = []
    package var tickSeconds = 0.0

    package init() {}
}

/// Looks at the host again and again. It answers with values; who shows or keeps them is not its
/// business.
package struct Engine: ~Copyable {
    /// Rules are evaluated once in so many ticks when that is a luxury. Judgement.
    private static let seldom = 5
    /// Between two readings of settings and devices, ns; they take some milliseconds. Judgement.
    private static let factsAge: UInt64 = 60_000_000_000
    /// Between two looks at who does what in the job, and at where its memory is, ns. Judgement.
    private static let jobAge: UInt64 = 5_000_000_000
    private static let placesAge: UInt64 = 60_000_000_000
    /// Between two sums of the memory of maps, ns.
    private static let mapsAge: UInt64 = 60_000_000_000

    private let source: Source
    private let sensors: Sensors
    private let rules: [Rule]
    package private(set) var settings: EngineSettings
    private var facts: HostFacts
    private var watch: TrainingWatch
    private var jobs: JobWatcher
    private var sliding: SlidingWindow
    private var persistence: Persistence
    private var budget: OverheadBudget
    private var meter = ProbeMeter()
    private var job: Job
    private var diagnosis = Diagnosis(verdict: .unknown)
    private var own = OwnReport()
    private var rhythm = Rhythms()
    private var ticks = 0
    private var readAt = Ages()

    /// When something dear was last done, CLOCK_MONOTONIC ns.
    private struct Ages {
        var facts: UInt64
        var job: UInt64 = 0
        var places: UInt64 = 0
        var maps: UInt64 = 0
        var own: UInt64 = 0

        init() { facts = monotonicNanoseconds() }
    }

    package init(
        on host: Host, facts: HostFacts, rules: [Rule], settings: EngineSettings,
        gpus: GPUWorker?, probes: Bool = true
    ) {
        self.facts = facts
        self.rules = rules
        self.settings = settings
        watch = TrainingWatch(
            match: settings.match,
            hasGPUs: gpus != nil || facts.devices.contains { $0.kind == .gpu })
        source = Source(
            host: host, facts: facts, watch: Watch(everything: watch.isEverything),
            probes: probes, gpus: gpus)
        source.memoryNanoseconds = settings.memory
        sensors = Sensors(on: source)
        let scope: Job.Scope = watch.isEverything ? .host : .processes
        jobs = JobWatcher(
            on: host, scope: scope, topology: facts.topology,
            gpus: GPUTable(facts.devices), memoryNanoseconds: settings.window)
        job = Job(scope: scope)
        sliding = SlidingWindow(nanoseconds: settings.window, memory: ownMemoryLimit(on: host))
        persistence = Persistence(
            raiseAfter: settings.raiseAfter, clearAfter: settings.clearAfter)
        budget = OverheadBudget(ratio: settings.overhead)
    }

    /// Goes on with other settings. False when whom to watch can only be changed by a new start;
    /// all else is changed.
    package mutating func change(_ new: EngineSettings) -> Bool {
        let takesMatch = watch.change(new.match)
        settings = new
        sliding.nanoseconds = new.window
        source.memoryNanoseconds = new.memory
        jobs.memoryNanoseconds = new.window
        persistence.change(raiseAfter: new.raiseAfter, clearAfter: new.clearAfter)
        budget.ratio = new.overhead
        return takesMatch
    }

    /// Every hook that the probes want, attached or not.
    package var hooks: [HookState] { source.hooks }

    /// Looks that no counter replaces; how long until the next one, ms.
    package mutating func look() -> UInt64 {
        source.drainDeaths()
        let now = monotonicNanoseconds()
        if rhythm.isStepLook(now) && !isLeftOut(.steps) {
            if rhythm.beginsBurst { jobs.forgetSteps() }
            jobs.watchSteps()
        }
        if rhythm.isAffinityLook(now) && !isLeftOut(.affinity) {
            source.look()
            jobs.watchAffinity()
        }
        return rhythm.pause(now, hasSteps: job.scope == .processes && !isLeftOut(.steps))
    }

    /// One tick; `nil` for the first, which has nothing to compare with.
    package mutating func tick(at wallClock: Double) -> Tick? {
        let begin = monotonicNanoseconds()
        refreshFacts(begin)
        admit(begin)
        let sample = sensors.sample()
        note(sample)
        let view = sliding.add(sample) { sensors.window(from: $0, to: $1) }
        guard let view else { return nil }
        ticks += 1
        meter.note(source, view.step)
        refreshJob(view, begin)
        let observation = Observation(
            facts: facts, job: job, whole: view.whole, timeline: view.steps,
            coverage: view.whole.change.coverage(of: allSignals),
            startedAt: wallClock - view.whole.seconds)
        let change = judge(observation, wallClock)
        let decision = account(view.step, since: begin)
        let active = persistence.active
        var lasting = diagnosis
        lasting.findings = active.map(\.finding)
        lasting.verdict = verdict(of: diagnosis, lasting: lasting.findings)
        return Tick(
            at: wallClock, sample: sample, step: view.step, observation: observation,
            diagnosis: lasting, since: active.map(\.since), change: change, decision: decision,
            own: own)
    }
}

// What a tick consists of.
extension Engine {
    private mutating func refreshFacts(_ now: UInt64) {
        let hasChanged = Topology.online(on: source.host).map { $0 != facts.topology.online }
        if hasChanged == true || now &- readAt.facts >= Self.factsAge {
            readAt.facts = now
            facts = HostFacts.read(from: source.host)
        }
        facts.gpus = source.gpus?.facts ?? []
    }

    /// Takes those in who have begun to train.
    private mutating func admit(_ now: UInt64) {
        let source = source
        let new = watch.newcomers(
            on: source.host, jobs.gpus, watched: source.watchedPids, now: now
        ) { microseconds in
            // Deaths go on meanwhile.
            for _ in 0..<10 {
                usleep(microseconds / 10)
                source.drainDeaths()
            }
        }
        if !new.isEmpty { source.add(new.sorted()) }
    }

    private mutating func note(_ sample: Sample) {
        if case .success(let gpus) = sample.totals[GPUs.self] {
            for gpu in gpus.gpus { jobs.gpus.listed[gpu.pci] = gpu.processes }
        }
        if case .success(let threads) = sample.totals[Threads.self] { jobs.update(threads) }
    }

    private mutating func refreshJob(_ view: SlidingWindow.View, _ now: UInt64) {
        guard now &- readAt.job >= Self.jobAge, let threads = try? view.whole(Threads.self) else {
            return
        }
        readAt.job = now
        let placing = now &- readAt.places >= Self.placesAge
        if placing { readAt.places = now }
        job = jobs.job(threads, placing: placing)
        job.search = watch.search
        source.assign(roles: job.roles.mapValues(\.number))
    }

    private mutating func judge(
        _ observation: Observation, _ wallClock: Double
    ) -> Persistence.Change {
        guard !isLeftOut(.everyTick) || ticks % Self.seldom == 0 else {
            return Persistence.Change()
        }
        diagnosis = diagnose(rules, observation)
        return persistence.note(diagnosis.findings, now: wallClock)
    }

    /// What the tick and the probes have cost, and what follows from that.
    private mutating func account(
        _ step: Window, since begin: UInt64
    ) -> OverheadBudget.Decision {
        let before = own.usage.cpuSeconds
        let isFirst = readAt.own == 0
        own.usage = SelfUsage(source.host, worker: source.gpus?.pid)
        let now = monotonicNanoseconds()
        let wall = Double(now &- readAt.own) / 1e9
        readAt.own = now
        if now &- readAt.maps >= Self.mapsAge {
            readAt.maps = now
            own.mapBytes = source.mapBytes
        }
        own.probes = meter.totals
        own.estimated = meter.refusal
        own.tickSeconds = Double(now &- begin) / 1e9
        guard !isFirst, wall > 0 else { return .none }
        let cpus = Double(max(1, facts.topology.cpus.count { $0.isOnline }))
        let probes = meter.secondsPerSecond
        let share = ((own.usage.cpuSeconds - before) / wall + probes.values.reduce(0, +)) / cpus
        var costs: [Luxury: Double] = [:]
        for part in ProbePart.allCases {
            costs[.probe(part)] = part.hooks.reduce(0) { $0 + (probes[$1] ?? 0) } / cpus
        }
        costs[.everyTick] = own.tickSeconds / wall / cpus / 2
        let decision = budget.judge(share: share, costs: costs)
        carryOut(decision)
        own.overhead = budget.used
        own.isOverBudget = budget.isExhausted
        own.leftOut = budget.leftOut.map(\.luxury.name)
        return decision
    }

    private func carryOut(_ decision: OverheadBudget.Decision) {
        switch decision {
        case .leaveOut(.probe(let part)):
            source.leaveOut(part, because: "left out to keep to the overhead budget")
        case .takeIn(.probe(let part)): source.takeIn(part)
        default: break
        }
    }

    private func isLeftOut(_ luxury: Luxury) -> Bool {
        budget.leftOut.contains { $0.luxury == luxury }
    }

    /// The verdict on what lasts: one bad moment holds nobody up.
    private func verdict(of now: Diagnosis, lasting: [Finding]) -> Diagnosis.Verdict {
        let grave = lasting.filter { $0.severity >= .warning }
        if !grave.isEmpty {
            return grave.allSatisfy(\.isOutsideHost) ? .notHost : .hostBound
        }
        let isMomentary = now.findings.contains { $0.severity >= .warning }
        return isMomentary ? .healthy : now.verdict
    }
}
