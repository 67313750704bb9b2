import Host
import Signals
import Training

/// Nodes with a smaller share are left out of the line. Judgement: below it nothing is remote
/// enough to matter.
private let smallestShare = 0.01

/// Where a rank's memory lies and where its threads ran: `memory: 96 % on node 1; ran 100 % on
/// node 0`. `nil` on hosts of one node, for other processes, and when neither is known.
func placementLine(
    _ process: ProcessFacts, _ threads: [ThreadActivity], _ observation: Observation
) -> String? {
    let isRank =
        process.rank != nil || threads.contains { observation.job.role($0.tid) == .launch }
    guard observation.facts.topology.nodesWithMemory.count > 1, isRank else { return nil }
    let time = threads.reduce(into: [Int: UInt64]()) { sums, thread in
        sums.merge(thread.timeByNode) { $0 &+ $1 }
    }
    let isPart = process.memory?.gap != nil
    let parts = [
        shares(process.memory?.ownBytes ?? [:]).map {
            "memory: \($0)" + (isPart ? " (in part)" : "")
        },
        shares(time).map { "ran \($0)" },
    ]
    let known = parts.compactMap { $0 }
    return known.isEmpty ? nil : known.joined(separator: "; ")
}

/// `96 % on node 1, 4 % on node 0`, the largest first; `nil` when there is nothing.
private func shares(_ amounts: [Int: UInt64]) -> String? {
    let total = amounts.values.reduce(0.0) { $0 + Double($1) }
    guard total > 0 else { return nil }
    let nodes = amounts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
        .map { (node: $0.key, share: Double($0.value) / total) }
        .filter { $0.share >= smallestShare }
    return nodes.map { "\(percent($0.share)) on node \($0.node)" }.joined(separator: ", ")
}
