import Host
import Signals
import Training

extension InterruptLine {
    /// TLB shootdowns and other function calls between CPUs: `tlb-shootdown` explains those.
    var isCall: Bool { label == "CAL" || label == "TLB" }
    var isTimer: Bool { label == "LOC" }

    func time(on cpus: CPUList) -> UInt64 { nanoseconds.total(on: cpus) }
    func time(on cpu: Int) -> UInt64 { cpu < nanoseconds.count ? nanoseconds[cpu] : 0 }
}

/// Time of several lines together: on each CPU, and taken from watched threads.
struct InterruptTimes {
    private var byCPU: [UInt64] = []
    private var watched = 0.0

    init(_ lines: [InterruptLine], where isCounted: (InterruptLine) -> Bool = { _ in true }) {
        let lines = lines.span
        for place in lines.indices where isCounted(lines[place]) {
            lines[place].nanoseconds.add(to: &byCPU)
            watched += Double(lines[place].watchedNanoseconds.total)
        }
    }

    func on(_ cpu: Int) -> UInt64 { cpu < byCPU.count ? byCPU[cpu] : 0 }

    /// The part that these have in the time that all of `others` took from watched threads.
    func part(of others: InterruptTimes) -> Double {
        others.watched > 0 ? watched / others.watched : 1
    }
}

/// What `values`, which are indexed by CPU, hold for `cpus` together.
func sum(_ values: [UInt64], on cpus: CPUList) -> UInt64 {
    cpus.cpus.reduce(0) { $1 < values.count ? $0 &+ values[$1] : $0 }
}

extension Observation {
    /// The threads that were hit, and launch and communication threads on CPUs that are loaded.
    func affected(
        _ hit: [ThreadLoss], in threads: Threads, isLoaded: (Int) -> Bool
    ) -> [ThreadActivity] {
        let hit = ThreadNumbers(hit.map(\.thread.tid))
        let critical = ThreadNumbers(index(threads).critical.map(\.tid))
        return threads.threads.filter {
            hit.contains($0.tid) || critical.contains($0.tid) && isLoaded($0.cpu)
        }
    }

    /// Where critical threads can go to be away from `busy`: the training CPUs, whole cores.
    func away(from busy: CPUList, in threads: Threads) -> CPUList {
        let cores = CPUList(busy.cpus.flatMap { facts.topology.core(of: $0).cpus })
        let training = facts.topology.split?.training ?? facts.topology.usable
        let rest = training.subtracting(cores)
        return rest.isEmpty ? facts.topology.usable.subtracting(busy) : rest
    }

    /// Binds threads to `list`, and the way back to the mask that each of them has.
    func binding(_ hit: [ThreadActivity], to list: CPUList) -> (to: [String], back: [String]) {
        guard !list.isEmpty else { return ([], []) }
        let all = facts.topology.usable
        return (
            hit.map { "taskset -pc \(list.description) \($0.tid)" },
            hit.map { "taskset -pc \((allowed($0) ?? all).description) \($0.tid)" }
        )
    }
}
