import Correlation

/// One run of a job, what was said of it, and what is true.
struct Trial {
    var said: [GPUAttribution]
    /// Idle seconds of each GPU that the host caused.
    var truth: [Double]
    var seconds: Double

    init(_ plan: Training) {
        let run = Simulation(plan)
        var generator = SeededGenerator(seed: plan.seed)
        said = attribute(run.look(), using: &generator)
        seconds = plan.seconds
        truth = [Double](repeating: 0, count: plan.gpus)
        guard plan.faults.contains(where: \.isOfHost) else { return }
        let unharmed = Simulation(plan.unharmed)
        truth = (0..<plan.gpus).map {
            max(run.idleSeconds($0) - unharmed.idleSeconds($0), 0)
        }
    }

    private func explained(_ place: Int) -> Double {
        said[place].explained.reduce(0) { $0 + $1.nanoseconds } / 1e9
    }

    /// Of the idle time that the host caused on all GPUs, the share that was said.
    var accuracy: Double {
        said.indices.reduce(0) { $0 + explained($1) } / truth.reduce(0, +)
    }

    /// Said of GPUs on which the host cost less than 0.3 % of the time, as a share of theirs.
    var falselySaid: Double {
        let clean = said.indices.filter { truth[$0] * 1e9 < 0.003 * said[$0].looked }
        let looked = clean.reduce(0) { $0 + said[$1].looked } / 1e9
        return looked > 0 ? clean.reduce(0) { $0 + explained($1) } / looked : 0
    }

    /// The dearest cause of all GPUs together.
    var firstCause: Label? {
        var sums: [Label: Double] = [:]
        for one in said.flatMap(\.explained) { sums[one.label, default: 0] += one.nanoseconds }
        return sums.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }

    /// What is not of the host, as a share of all that is.
    func restShare(_ part: KeyPath<Rest, Double>) -> Double {
        let rests = said.map(\.rest)
        return rests.reduce(0) { $0 + $1[keyPath: part] } / rests.reduce(0) { $0 + $1.total }
    }

    /// Nothing is negative, and no sum exceeds what it is a part of.
    var isConsistent: Bool {
        said.allSatisfy { one in
            let explained = one.explained.reduce(0) { $0 + $1.nanoseconds }
            let rest = [one.rest.gpu, one.rest.fabric, one.rest.program, one.rest.unknown]
            return one.explained.allSatisfy { $0.nanoseconds > 0 }
                && rest.allSatisfy { $0 >= 0 } && one.bounds.allSatisfy { $0.nanoseconds >= 0 }
                && abs(one.loss - explained - one.rest.total) < 10
                && one.loss <= one.idle + 10 && one.idle <= one.looked + 10
                && one.usualOnCPU >= 0 && one.usualOnCPU <= one.idle - one.loss + 10
        }
    }
}
