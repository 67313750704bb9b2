/// The ranks of one job as one: in synchronous training all wait for the latest.
struct Job {
    /// Places of its ranks.
    var members: [Int]
    /// Rank that lost most in each window.
    var latest: [Int]
    /// What that rank lost.
    var lost: [Double]
    /// Mean idle share of the GPUs whose own ranks lost next to nothing, or far less where none
    /// lost so little; NaN where there is none.
    var waiting: [Double]
    var hits: [Bool]
    /// All GPUs idle alike although one rank loses far more than the others: they wait for it, and
    /// what they lose themselves meanwhile costs nothing.
    private(set) var waitsForOne = false

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
        guard let late = worst(ranks, known) else { return }
        waitsForOne = idleAlike(ranks, known)
        guard waitsForOne, waiting.count(where: { !$0.isNaN }) * 2 < known.count else { return }
        waiting = windows.map { place in
            guard comparable[place] else { return .nan }
            let others = members.filter { $0 != late }.map { ranks[$0].idle[place] }
            return mean(others.filter { !$0.isNaN }) ?? .nan
        }
    }

    /// The rank that lost far more than each of the others.
    private func worst(_ ranks: [Rank], _ known: [Int]) -> Int? {
        let doses = members.map { member in mean(known.map { ranks[member].lost[$0] }) ?? 0 }
        guard let most = doses.indices.max(by: { doses[$0] < doses[$1] }) else { return nil }
        let next = doses.indices.filter { $0 != most }.map { doses[$0] }.max() ?? 0
        return next <= Job.farLess * doses[most] ? members[most] : nil
    }

    /// Whether the GPUs idle for the same part of the time.
    private func idleAlike(_ ranks: [Rank], _ known: [Int]) -> Bool {
        let levels = members.compactMap { member in
            mean(known.map { ranks[member].idle[$0] }.filter { !$0.isNaN })
        }
        guard levels.count == members.count, let least = levels.min(), let most = levels.max()
        else { return false }
        return least > 0 && most - least <= max(2 * Matter.leastSpread, Job.sameIdle * most)
    }

    /// Idling of those that wait, tied to what the latest rank lost.
    func evidence(_ ranks: [Rank], using generator: inout SeededGenerator) -> Evidence? {
        let known = waiting.indices.filter { !waiting[$0].isNaN }
        guard let dose = mean(known.map { lost[$0] }), dose >= Matter.claim else { return nil }
        let spreads = members.first.map { ranks[$0].spreads } ?? false
        let found = Evidence.overTime(waiting, lost: lost, hits: hits, spreads: spreads)
        if let found { return found }
        guard waitsForOne || idleTogether(ranks) else { return nil }
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
    /// Part of the worst rank's loss. Ranks that wait for nobody would idle in proportion to what
    /// they lose, and so differ by twice as much. Judgement.
    private static let farLess = 0.5
    /// By this part of their idle time, GPUs that wait for one another differ at most; such as
    /// idle for a like reason differ more. Judgement, and no real GPU was measured.
    private static let sameIdle = 0.03
}
