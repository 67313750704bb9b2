import Correlation

/// A job, run step by step.
struct Simulation {
    let plan: Training
    /// The GPU's counters are read at moments of their own.
    let ringOffset: Double
    var ranks: [SimulatedRank]
    var seen: [Seen]
    private var common: SeededGenerator
    private var commonDrift = 0.0

    static let ring = 0.2
    static let background = Label(cause: "cpu-contention", culprit: "kworker")

    init(_ plan: Training) {
        self.plan = plan
        common = SeededGenerator(seed: plan.seed &* 15_485_863)
        ringOffset = -0.2 * Double(common.next() >> 11) * 0x1p-53
        ranks = (0..<plan.gpus).map { SimulatedRank($0, plan) }
        let windows = Int((plan.seconds / plan.window).rounded())
        let samples = Int((plan.seconds / Simulation.ring).rounded()) + 2
        let none = [Double](repeating: 0, count: windows)
        seen = (0..<plan.gpus).map { _ in
            Seen(
                idle: [Double](repeating: 0, count: samples), running: none,
                lost: (0...plan.faults.count).map { _ in none }, held: none, fabric: none)
        }
        var step = 0
        while ranks.contains(where: { $0.gpuFree < plan.seconds }) {
            commonDrift = 0.9 * commonDrift + 0.01 * normal(&common)
            for place in ranks.indices { run(step, place) }
            finish()
            step += 1
        }
    }

    /// All launches and GPU work of one step on one rank.
    private mutating func run(_ step: Int, _ place: Int) {
        let pieces = plan.pieces
        let gpuWork = plan.step / Double(pieces)
        ranks[place].drift = 0.9 * ranks[place].drift + 0.01 * normal(&ranks[place].generator)
        waitForData(step, place)
        pauses(place)
        let speed = 1 + commonDrift + ranks[place].drift
        for piece in 0..<pieces {
            let number = step * pieces + piece
            let jitter = 1 + 0.05 * normal(&ranks[place].generator)
            let room = number >= plan.queue ? ranks[place].ends[slot(number - plan.queue)] : 0
            wait(place, until: room)
            let first = ranks[place].launchFree + plan.firstKernel
            launch(place, for: gpuWork * plan.launch * jitter)
            var work = gpuWork * max(0.2, speed)
            for fault in plan.faults {
                guard case .slowGPU(let factor) = fault.kind,
                    fault.hits(place, ranks[place].gpuFree)
                else { continue }
                work *= factor
            }
            // A piece is thousands of kernels: the GPU works on the first while the last are yet
            // to be launched, and idles a little between all of them where it has to wait.
            let start = max(ranks[place].gpuFree, first)
            let end = max(start + work, ranks[place].launchFree + 0.01 * work)
            idle(place, ranks[place].gpuFree, start)
            idle(place, start, end, times: (end - start - work) / (end - start))
            ranks[place].gpuFree = end
            ranks[place].ends[slot(number)] = end
        }
        if plan.stages > 0 {
            let bubble = plan.step * plan.stages * Double(place) / Double(plan.gpus)
            idle(place, ranks[place].gpuFree, ranks[place].gpuFree + bubble)
            ranks[place].gpuFree += bubble
        }
    }

    private func slot(_ number: Int) -> Int { number % (plan.pieces * 8) }

    private mutating func idle(
        _ place: Int, _ from: Double, _ until: Double, times share: Double = 1
    ) {
        add(
            from, until, times: share, to: &seen[place].idle, width: Simulation.ring,
            offset: ringOffset)
    }

    /// All-reduce, and the wait of the program for it.
    private mutating func finish() {
        if plan.isSynchronous {
            let last = ranks.map(\.gpuFree).max() ?? 0
            var done = last + 0.1 * plan.step
            for fault in plan.faults {
                guard case .congestion(let share) = fault.kind, fault.schedule.isOn(last) else {
                    continue
                }
                done += share * plan.step
            }
            for place in ranks.indices {
                if plan.waitersLookIdle {
                    idle(place, ranks[place].gpuFree, last)
                    idle(place, last + 0.1 * plan.step, done)
                }
                ranks[place].gpuFree = done
            }
        }
        guard plan.waitsForStep else { return }
        for place in ranks.indices { wait(place, until: ranks[place].gpuFree) }
    }

    /// The launch thread has nothing to do until then.
    private mutating func wait(_ place: Int, until time: Double) {
        let now = ranks[place].launchFree
        guard time > now else { return }
        if plan.spins { add(now, time, to: &seen[place].running, width: plan.window) }
        ranks[place].launchFree = time
    }

    /// The launch thread does `work` on its CPU, and loses time where others want that CPU.
    private mutating func launch(_ place: Int, for work: Double) {
        var left = work
        var now = ranks[place].launchFree
        while left > 0 {
            var run = left
            var who = -1
            for index in 0...plan.faults.count {
                if index < plan.faults.count {
                    guard case .lost = plan.faults[index].kind,
                        plan.faults[index].hits(place, now)
                    else { continue }
                }
                if ranks[place].untilPreempted[index] < run {
                    run = ranks[place].untilPreempted[index]
                    who = index
                }
            }
            for index in 0...plan.faults.count {
                ranks[place].untilPreempted[index] = max(
                    0, ranks[place].untilPreempted[index] - run)
            }
            add(now, now + run, to: &seen[place].running, width: plan.window)
            now += run
            left -= run
            guard who >= 0 else { continue }
            let (away, next) = preemption(who, place)
            add(now, now + away, to: &seen[place].lost[who], width: plan.window)
            now += away
            ranks[place].untilPreempted[who] = next
        }
        ranks[place].launchFree = now
    }

    /// How long the thread is away, and how long it then runs, for slices of about 8 ms.
    private mutating func preemption(_ who: Int, _ place: Int) -> (Double, Double) {
        func uniform(_ generator: inout SeededGenerator) -> Double {
            Double(generator.next() >> 11) * 0x1p-53
        }
        guard who < plan.faults.count, case .lost(let share) = plan.faults[who].kind else {
            // What every host does: 0.3 ms about eight times a second, and at times 4 ms.
            let chance = uniform(&ranks[place].generator)
            let away = chance < 0.02 ? 0.004 : 0.0006 * uniform(&ranks[place].generator)
            return (away, 0.25 * uniform(&ranks[place].generator))
        }
        let away = 0.008 * share * (0.5 + uniform(&ranks[place].faultGenerator))
        let next = 0.008 * (1 - share) * (0.5 + uniform(&ranks[place].faultGenerator))
        return (away, max(next, 0.0001))
    }

    /// Checkpoints, and Python that does something else.
    private mutating func pauses(_ place: Int) {
        if let every = plan.checkpointEvery,
            ranks[place].launchFree >= ranks[place].nextCheckpoint
        {
            ranks[place].nextCheckpoint += every
            // Writing takes its time from the ledger too, more on the first rank.
            let now = ranks[place].launchFree
            let last = plan.faults.count
            add(
                now, now + 2, times: place == 0 ? 0.3 : 0.05, to: &seen[place].lost[last],
                width: plan.window)
            launch(place, for: 2)
        }
        for fault in plan.faults {
            guard case .python(let share) = fault.kind,
                fault.hits(place, ranks[place].launchFree)
            else { continue }
            let jitter = 1 + 0.3 * normal(&ranks[place].generator)
            launch(place, for: plan.step * share / (1 - share) * jitter)
        }
    }

    /// One pipe of loaders, a fifth faster than the GPU, some batches ahead.
    private mutating func waitForData(_ step: Int, _ place: Int) {
        guard let prefetch = plan.prefetch else { return }
        let room = step >= prefetch ? ranks[place].started[step - prefetch] : 0
        let from = max(ranks[place].loaded.last ?? 0, room)
        var until = from + 0.8 * plan.step
        for (index, fault) in plan.faults.enumerated() {
            guard case .loaders(let share) = fault.kind, fault.hits(place, from) else { continue }
            until = from + (until - from) / (1 - share)
            add(from, until, times: share, to: &seen[place].lost[index], width: plan.window)
        }
        ranks[place].loaded.append(until)
        // Asleep, not spinning.
        ranks[place].launchFree = max(ranks[place].launchFree, until)
        ranks[place].started.append(ranks[place].launchFree)
    }
}
