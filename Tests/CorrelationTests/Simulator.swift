import Correlation

/// When a fault is on, in seconds from the start.
enum Schedule: Sendable {
    case always
    /// On for the second half of each period.
    case square(period: Double)
    case between(Double, Double)

    func isOn(_ time: Double) -> Bool {
        switch self {
        case .always: true
        case .square(let period): time.truncatingRemainder(dividingBy: period) >= period / 2
        case .between(let from, let until): time >= from && time < until
        }
    }
}

struct Fault: Sendable {
    enum Kind: Sendable {
        /// The launch thread loses this share of the time it wants to run.
        case lost(Double)
        /// So do the loaders.
        case loaders(Double)
        /// The launch thread computes instead of launching, for this share of its time.
        case python(Double)
        /// GPU work takes this much longer, and the GPU says that it is held back.
        case slowGPU(Double)
        /// The all-reduce takes this much of a step longer, and the port says so.
        case congestion(Double)
    }

    var kind: Kind
    /// Nil: all ranks.
    var rank: Int?
    var schedule = Schedule.always
    var label = Label(cause: "cpu-contention", culprit: "hog")

    /// Of the host's doing: the truth is what would not have been lost without it.
    var isOfHost: Bool {
        switch kind {
        case .lost, .loaders: true
        case .python, .slowGPU, .congestion: false
        }
    }

    func hits(_ rank: Int, _ time: Double) -> Bool {
        (self.rank == nil || self.rank == rank) && schedule.isOn(time)
    }
}

/// A training job on one host. Times in seconds.
struct Training: Sendable {
    var gpus = 8
    var seconds = 30.0
    var window = 0.2
    /// All ranks wait for the latest at the end of each step.
    var isSynchronous = false
    /// GPUs that wait for others count as idle; else NCCL's kernels keep them busy.
    var waitersLookIdle = false
    /// Launch work per unit of GPU work.
    var launch = 0.8
    /// Pieces of a step, and how many of them may be queued on the GPU.
    var pieces = 5
    var queue = 2
    var step = 0.1
    /// From the end of a step to the first kernel of the next.
    var firstKernel = 0.002
    /// The program waits for the GPU at the end of each step.
    var waitsForStep = true
    /// ... on the CPU, as CUDA does by default.
    var spins = true
    /// GPUs differ by this share of a step in how long they have nothing to do.
    var stages = 0.0
    /// Seconds between checkpoints of two seconds, which nobody declares.
    var checkpointEvery: Double?
    /// Batches loaded ahead; nil: data are always there.
    var prefetch: Int?
    var faults: [Fault] = []
    var seed: UInt64 = 1

    /// The same job, same luck, on a host that does it no harm.
    var unharmed: Training {
        var other = self
        other.faults.removeAll { $0.isOfHost }
        return other
    }
}

/// One rank as it runs: plain numbers, for tests are not optimised.
struct SimulatedRank {
    var place: Int
    /// When the launch thread and the GPU are free.
    var launchFree = 0.0
    var gpuFree = 0.0
    var ends: [Double]
    var drift = 0.0
    var nextCheckpoint: Double
    var loaded: [Double] = []
    var started: [Double] = []
    /// Running time until the thread is preempted: by each fault, and by what is always there.
    var untilPreempted: [Double]
    var generator: SeededGenerator
    /// Chance of the faults, apart: without faults all else must be the same.
    var faultGenerator: SeededGenerator

    init(_ place: Int, _ plan: Training) {
        self.place = place
        ends = [Double](repeating: 0, count: plan.pieces * 8)
        nextCheckpoint = plan.checkpointEvery.map { $0 * 0.7 } ?? .infinity
        untilPreempted = [Double](repeating: 0.001, count: plan.faults.count + 1)
        generator = SeededGenerator(seed: plan.seed &* 1_000_003 &+ UInt64(place))
        faultGenerator = SeededGenerator(seed: plan.seed &* 7_368_787 &+ UInt64(place))
    }
}

/// What is seen of one rank, in bins of the ring of the GPU or of the ledger.
struct Seen {
    var idle: [Double]
    var running: [Double]
    var lost: [[Double]]
    var held: [Double]
    var fabric: [Double]
}

/// Adds the stretch to bins of `width`, of which the first begins at `offset`.
func add(
    _ from: Double, _ until: Double, times factor: Double = 1, to bins: inout [Double],
    width: Double, offset: Double = 0
) {
    var bin = Int(((from - offset) / width).rounded(.down))
    var from = from
    while from < until {
        let end = min(until, offset + Double(bin + 1) * width)
        if bin >= 0 && bin < bins.count { bins[bin] += (end - from) * factor }
        from = end
        bin += 1
        if bin >= bins.count { return }
    }
}

/// Mean 0, standard deviation 1, about normal.
func normal(_ generator: inout SeededGenerator) -> Double {
    var sum = 0.0
    for _ in 0..<4 { sum += Double(generator.next() >> 11) * 0x1p-53 }
    return (sum - 2) * 1.732
}
