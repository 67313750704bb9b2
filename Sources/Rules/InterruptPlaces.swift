import Host
import Signals
import Training

extension InterruptLine {
    /// TLB shootdowns and other function calls between CPUs: `tlb-shootdown` explains those.
    var isCall: Bool { label == "CAL" || label == "TLB" }
    var isTimer: Bool { label == "LOC" }

    func time(on cpus: CPUList) -> UInt64 { sum(nanoseconds, on: cpus) }
    func time(on cpu: Int) -> UInt64 { cpu < nanoseconds.count ? nanoseconds[cpu] : 0 }
}

/// What `values`, which are indexed by CPU, hold for `cpus` together.
func sum(_ values: [UInt64], on cpus: CPUList) -> UInt64 {
    cpus.cpus.reduce(0) { $1 < values.count ? $0 &+ values[$1] : $0 }
}

extension Observation {
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
