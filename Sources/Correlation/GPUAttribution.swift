extension GPUAttribution {
    init(of place: Int, ranks: [Rank], lengths: [Double], charges: [Charge]) {
        let rank = ranks[place]
        let known = rank.known
        let looked = known.reduce(0) { $0 + lengths[$1] }
        let idle = known.reduce(0) { $0 + lengths[$1] * rank.idle[$1] }
        let explained = combined(
            charges.filter(\.isSure).flatMap { $0.explained(rank, lengths: lengths) },
            atMost: idle
        ).filter { $0.nanoseconds >= GPUAttribution.leastPart * looked }
        let claimed = explained.reduce(0) { $0 + $1.nanoseconds }
        let usual = Level(of: place, ranks, charges)
        let loss = max(claimed, excess(of: rank, above: usual, lengths: lengths))
        let onCPU = known.filter { rank.running[$0] >= Matter.allTheWhile }
            .reduce(0) { $0 + min(rank.idle[$1], usual.share) * lengths[$1] }
        self.init(
            gpu: rank.gpu, looked: looked, idle: idle, loss: loss, explained: explained,
            rest: Rest(loss - claimed, of: place, ranks, usual: usual.share, lengths: lengths),
            bounds: Bound.all(
                of: rank, lengths: lengths, charges: charges, beside: explained,
                mayWait: ranks.count { $0.job == rank.job } > 1),
            usualOnCPU: max(min(onCPU, idle - loss), 0))
    }

    /// Part of a loss that is worth a line: judgement.
    private static let leastPart = 0.001
}

/// Loss that is worth a word although nothing on the host explains it: judgement.
private let leastLoss = 0.01

/// Idle ns beyond the `usual` level; 0 where chance could have done it.
private func excess(of rank: Rank, above usual: Level, lengths: [Double]) -> Double {
    let above = rank.known.map { rank.idle[$0] - usual.share }
    // Neighbours are alike: a quarter of the windows counts. Judgement.
    let error = usual.spread / (Double(max(above.count, 1)) / 4).squareRoot()
    guard let mean = mean(above), mean >= leastLoss, mean > Contrast.clear * error else {
        return 0
    }
    let excess = zip(rank.known, above).reduce(0) { $0 + $1.1 * lengths[$1.0] }
    return max(excess, 0)
}

extension Charge {
    /// What each label explains of the idle time of `rank`, ns; empty where it does not matter.
    fileprivate func explained(_ rank: Rank, lengths: [Double]) -> [Explained] {
        let hits = rank.idle.indices.map { evidence.hits[$0] && !rank.idle[$0].isNaN }
        let places = rank.known.filter { hits[$0] }
        func total(_ share: (Int) -> Double) -> Double {
            places.reduce(0) { $0 + lengths[$1] * share($1) }
        }
        let idle = rank.known.reduce(0) { $0 + lengths[$1] * rank.idle[$1] }
        let most = min(idle, total { lost[$0] })
        let amount = min(total { _ in evidence.share }, most)
        let looked = rank.known.reduce(0) { $0 + lengths[$1] }
        guard amount >= (evidence.isBound ? Matter.bound : Matter.claim) * looked else {
            return []
        }
        let amounts = split(
            amount, among: parts, response: response, hits: hits, lengths: lengths)
        return zip(parts, amounts).map { part, amount in
            Explained(
                label: part.label, rankOf: part.rankOf, nanoseconds: amount,
                confidence: evidence.confidence, isBound: evidence.isBound, lag: part.lag)
        }
    }
}

/// One entry for each label and rank, the dearest first, in sum at most `limit`.
private func combined(_ all: [Explained], atMost limit: Double) -> [Explained] {
    var combined: [Explained] = []
    for one in all {
        let same = combined.firstIndex { $0.label == one.label && $0.rankOf == one.rankOf }
        guard let same else {
            combined.append(one)
            continue
        }
        combined[same].nanoseconds += one.nanoseconds
    }
    let sum = combined.reduce(0) { $0 + $1.nanoseconds }
    if sum > limit, sum > 0 {
        for place in combined.indices { combined[place].nanoseconds *= limit / sum }
    }
    return combined.sorted { ($0.nanoseconds, $1.label) > ($1.nanoseconds, $0.label) }
}
