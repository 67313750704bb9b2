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
        let own = members.map { isHit(ranks[$0].lost, above: limit) }
        waiting = windows.map { place in
            let clean = zip(members, own).filter { !$0.1[place] }
            return mean(clean.map { ranks[$0.0].idle[place] }.filter { !$0.isNaN }) ?? .nan
        }
        (self.latest, self.lost) = (latest, lost)
        hits = isHit(lost, above: limit)
    }

    /// Idling of those that wait, tied to what the latest rank lost.
    func evidence(_ ranks: [Rank], using generator: inout SeededGenerator) -> Evidence? {
        let known = waiting.indices.filter { !waiting[$0].isNaN }
        guard let dose = mean(known.map { lost[$0] }), dose >= Matter.claim else { return nil }
        if let found = Evidence.overTime(waiting, lost: lost, hits: hits) { return found }
        let others = waiting.indices.map { place in
            members.map { max(ranks[$0].held[place], ranks[$0].fabric[place]) }.max() ?? 0
        }
        return Evidence.mechanism(
            waiting, lost: lost, others: others, hits: hits, needsSlope: true, using: &generator)
    }
}
