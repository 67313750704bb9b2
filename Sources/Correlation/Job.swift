/// The ranks of one job as one: in synchronous training all wait for the latest.
struct Job {
    /// Places of its ranks.
    var members: [Int]
    /// Rank that lost most in each window.
    var latest: [Int]
    /// What that rank lost.
    var lost: [Double]
    /// Mean idle share of the GPUs whose own ranks lost next to nothing; NaN where there is none.
    var waiting: [Double]
    var hits: [Bool]

    init?(_ members: [Int], of ranks: [Rank]) {
        guard members.count > 1, let first = members.first else { return nil }
        self.members = members
        let windows = ranks[first].lost.indices
        let latest = windows.map { place in
            members.max { ranks[$0].lost[place] < ranks[$1].lost[place] } ?? first
        }
        let lost = windows.map { ranks[latest[$0]].lost[$0] }
        let known = windows.filter { place in
            members.contains { !ranks[$0].idle[place].isNaN }
        }
        let limit = cleanLimit(lost, in: known)
        let own = members.map { isHit(ranks[$0].lost, above: limit, spreads: ranks[$0].spreads) }
        let all = windows.map { place in
            mean(members.map { ranks[$0].idle[place] }.filter { !$0.isNaN }) ?? .nan
        }
        let comparable = comparable(all, lost: lost)
        waiting = windows.map { place in
            guard comparable[place] else { return .nan }
            let clean = zip(members, own).filter { !$0.1[place] }
            return mean(clean.map { ranks[$0.0].idle[place] }.filter { !$0.isNaN }) ?? .nan
        }
        (self.latest, self.lost) = (latest, lost)
        hits = isHit(lost, above: limit, spreads: ranks[first].spreads)
    }

    /// Idling of those that wait, tied to what the latest rank lost.
    func evidence(_ ranks: [Rank], using generator: inout SeededGenerator) -> Evidence? {
        let known = waiting.indices.filter { !waiting[$0].isNaN }
        guard let dose = mean(known.map { lost[$0] }), dose >= Matter.claim else { return nil }
        let spreads = members.first.map { ranks[$0].spreads } ?? false
        let found = Evidence.overTime(waiting, lost: lost, hits: hits, spreads: spreads)
        if let found { return found }
        guard idleTogether(ranks) else { return nil }
        let others = waiting.indices.map { place in
            members.map { max(ranks[$0].held[place], ranks[$0].fabric[place]) }.max() ?? 0
        }
        return Evidence.mechanism(
            waiting, lost: lost, others: others, hits: hits, isShared: true, using: &generator)
    }

    /// Whether the GPUs idle in the same windows, as those do that wait for one another.
    private func idleTogether(_ ranks: [Rank]) -> Bool {
        let known = waiting.indices.filter { place in
            members.allSatisfy { !ranks[$0].idle[place].isNaN }
        }
        let series = members.map { member in known.map { ranks[member].idle[$0] } }
        let all = known.indices.map { place in
            series.reduce(0) { $0 + $1[place] } / Double(series.count)
        }
        let alike = series.compactMap { one in
            let others = zip(all, one).map { $0 * Double(series.count) - $1 }
            return spearman(one, others)
        }
        return (median(alike) ?? 0) >= Job.alike
    }

    /// Rank correlation of one GPU's idling with that of the others: judgement.
    private static let alike = 0.5
}
