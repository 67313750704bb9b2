import Correlation
import Testing

/// A job with known trouble.
struct Scenario: Sendable, CustomTestStringConvertible {
    var name: String
    var plan: Training
    /// Of the true cost, the share that must be said.
    var accepted: ClosedRange<Double> = 0.8...1.2
    /// Any of them may come first.
    var labels = [hogged]
    /// Looks in which it may be missed, seconds.
    var missedAt: [Double] = []
    /// Where the idle time must be put that is not of the host.
    var rest: (any KeyPath<Rest, Double> & Sendable)?

    static let hogged = Label(cause: "cpu-contention", culprit: "hog")
    static let interrupted = Label(cause: "irq-load", culprit: "mlx5_comp3")

    var testDescription: String { name }

    init(
        _ name: String, _ faults: [Fault] = [], gpus: Int = 8,
        _ change: (inout Scenario) -> Void = { _ in }
    ) {
        self.name = name
        plan = Training()
        (plan.gpus, plan.faults) = (gpus, faults)
        change(&self)
    }

    /// All wait for the latest, and idle while they wait.
    static func waiting(_ scenario: inout Scenario) {
        (scenario.plan.isSynchronous, scenario.plan.waitersLookIdle) = (true, true)
    }
}

/// Half of one rank's launch CPU, unless said otherwise.
func hog(
    _ share: Double = 0.5, rank: Int? = 3, schedule: Schedule = .always,
    _ label: Label = Scenario.hogged
) -> Fault {
    Fault(kind: .lost(share), rank: rank, schedule: schedule, label: label)
}

private let inTurns = Schedule.square(period: 5)
private let crowded = Label(cause: "cpu-oversubscription", culprit: "own threads")

extension Scenario {
    static let hosts: [Scenario] = [
        Scenario("hog, 8 GPUs", [hog()]),
        Scenario("hog, 8 GPUs that sleep while they wait", [hog()]) { $0.plan.spins = false },
        Scenario("hog in turns, 8 GPUs", [hog(schedule: inTurns)]),
        Scenario("hog, 2 GPUs", [hog(rank: 1)], gpus: 2),
        Scenario("hog once for 3 s", [hog(schedule: .between(5.3, 8.3))]),
        Scenario("small hog (12 %)", [hog(0.12)]) { $0.plan.launch = 0.95 },
        Scenario("hog, stages differ", [hog(0.6)]) { $0.plan.stages = 0.1 },
        Scenario("hog, all wait idle", [hog()], waiting),
        Scenario("hog in turns, all wait idle", [hog(schedule: inTurns)], waiting),
        Scenario(
            "hog, all wait idle and lose a little",
            [hog(0.6)] + (0..<8).filter { $0 != 3 }.map { hog(0.15, rank: $0, crowded) },
            waiting),
        Scenario("hog, others wait busy", [hog()]) { $0.plan.isSynchronous = true },
        Scenario("two hogs, two GPUs", [hog(), hog(0.35, rank: 6, schedule: .square(period: 4))]),
        Scenario(
            "two hogs, all wait idle",
            [hog(schedule: inTurns), hog(0.4, rank: 6, schedule: .square(period: 4))], waiting),
        Scenario("two causes, one GPU", [hog(0.3), hog(0.3, schedule: inTurns, interrupted)]) {
            $0.labels = [hogged, interrupted]
        },
        Scenario("hog in turns on all ranks", [hog(rank: nil, schedule: inTurns)]),
        Scenario("hog on all ranks", [hog(rank: nil)]),
        Scenario(
            "loaders hit, 3 batches ahead",
            [Fault(kind: .loaders(0.5), rank: 3, schedule: inTurns)]
        ) { ($0.plan.prefetch, $0.missedAt) = (3, [10]) },
        Scenario(
            "hog, Python on another",
            [hog(), Fault(kind: .python(0.3), rank: 5, schedule: inTurns)]),
        // Who is to blame for a thread that is slow twice over is a matter of order.
        Scenario("hog, Python on the same", [hog(), Fault(kind: .python(0.2), rank: 3)]) {
            $0.accepted = 0.8...1.8
        },
        Scenario("hog, 1 GPU", [hog(rank: 0)], gpus: 1),
        Scenario("hog in turns, 1 GPU", [hog(rank: 0, schedule: inTurns)], gpus: 1),
        Scenario("hog in turns, checkpoints", [hog(schedule: inTurns)]) {
            // A checkpoint that the hog prolongs is not all charged to it.
            ($0.plan.checkpointEvery, $0.accepted) = (20, 0.7...1.2)
        },
    ]

    static let others: [Scenario] = [
        Scenario("healthy"),
        Scenario("healthy, stages differ") { $0.plan.stages = 0.2 },
        Scenario("healthy, checkpoints") { $0.plan.checkpointEvery = 9 },
        Scenario("healthy, checkpoints, all wait") {
            $0.plan.checkpointEvery = 9
            waiting(&$0)
        },
        Scenario("healthy, checkpoints, 1 GPU", gpus: 1) { $0.plan.checkpointEvery = 9 },
        Scenario("slow Python everywhere") { $0.plan.launch = 1.4 },
        Scenario("hog that queued work hides", [hog()]) {
            ($0.plan.launch, $0.plan.queue) = (0.25, 4)
            $0.plan.waitsForStep = false
        },
        Scenario("hidden hog, stages differ", [hog(rank: 7)]) {
            ($0.plan.launch, $0.plan.stages) = (0.25, 0.2)
        },
        Scenario("hidden hog, all wait idle", [hog()]) {
            ($0.plan.launch, $0.plan.queue) = (0.25, 4)
            waiting(&$0)
        },
        Scenario("capped GPU", [Fault(kind: .slowGPU(1.4), rank: 3)]),
        Scenario(
            "capped GPU in turns, all wait",
            [Fault(kind: .slowGPU(1.4), rank: 3, schedule: inTurns)]
        ) {
            $0.rest = \Rest.gpu
            waiting(&$0)
        },
        Scenario("capped GPU, all wait", [Fault(kind: .slowGPU(1.4), rank: 3)]) {
            $0.rest = \Rest.gpu
            waiting(&$0)
        },
        Scenario("congested port in turns", [Fault(kind: .congestion(0.4), schedule: inTurns)]) {
            $0.rest = \Rest.fabric
            waiting(&$0)
        },
        Scenario("congested port", [Fault(kind: .congestion(0.4))]) {
            $0.rest = \Rest.fabric
            waiting(&$0)
        },
        Scenario("Python on one rank", [Fault(kind: .python(0.3), rank: 3)]) {
            $0.rest = \Rest.program
        },
        Scenario(
            "Python in turns", [Fault(kind: .python(0.3), rank: 3, schedule: inTurns)]
        ) { $0.rest = \Rest.program },
        Scenario(
            "Python in turns, all wait", [Fault(kind: .python(0.3), rank: 3, schedule: inTurns)]
        ) {
            $0.rest = \Rest.program
            waiting(&$0)
        },
        Scenario(
            "Python in turns, 1 GPU", [Fault(kind: .python(0.3), rank: 0, schedule: inTurns)],
            gpus: 1
        ) { $0.rest = \Rest.program },
    ]
}
