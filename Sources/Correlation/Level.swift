/// The idle share that a program shows by itself.
struct Level {
    var share: Double
    /// Standard deviation from window to window.
    var spread: Double

    /// Of the least of `values`: whatever else made a GPU idle, it did not do so all the time.
    /// Exact where they are normal: a fifth and a twentieth of them lie more than 0.842 and 1.645
    /// standard deviations below the mean.
    private init?(leastOf values: [Double]) {
        guard let fifth = quantile(0.2, of: values), let least = quantile(0.05, of: values)
        else { return nil }
        let deviation = (fifth - least) / (1.645 - 0.842)
        share = min(fifth + 0.842 * deviation, mean(values) ?? 0)
        spread = max(deviation, Matter.leastSpread)
    }

    /// In the windows of this GPU without any trouble, or on peers without any, whichever is less.
    init(of place: Int, _ ranks: [Rank], _ charges: [Charge]) {
        let rank = ranks[place]
        let sure = charges.filter(\.isSure)
        func trouble(_ window: Int) -> Double { max(rank.held[window], rank.fabric[window]) }
        func isHit(_ window: Int) -> Bool { sure.contains { $0.evidence.hits[window] } }
        let quiet = rank.known.filter { !isHit($0) && trouble($0) < Level.otherTrouble }
        let isEnough =
            quiet.count >= fewestOnEitherSide
            && Double(quiet.count) >= Matter.cleanWindows * Double(rank.known.count)
        let own = isEnough ? Level(leastOf: quiet.map { rank.idle[$0] }) : nil
        let limit = max(cleanLimit(rank.lost, in: rank.known), Matter.bound)
        let peers =
            isMostly(rank.fabric, in: rank.known)
            ? nil : Level(Peers(of: place, among: ranks, limit: limit))
        let levels = [own, peers, Level(heldBackIn: ranks.filter { $0.job == rank.job })]
        if let least = levels.compactMap(\.self).min(by: { $0.share < $1.share }) {
            self = least
            return
        }
        // Trouble all the while: what it can account for is not usual.
        let free = rank.known.map { window in
            let lost = isHit(window) ? rank.lost[window] : 0
            return max(rank.idle[window] - trouble(window) - lost, 0)
        }
        (share, spread) = (mean(free) ?? 0, Matter.leastSpread)
    }

    /// Of enough peers to know how far they differ by themselves.
    private init?(_ peers: Peers?) {
        guard let peers, let spread = peers.spread,
            let mean = mean(peers.idle.filter { !$0.isNaN })
        else { return nil }
        share = mean + 2 * spread
        self.spread = spread
    }

    /// Of a GPU that is held back all the while: it waits for nobody, the others wait for it.
    private init?(heldBackIn job: [Rank]) {
        let slow = job.filter { isMostly($0.held, in: $0.known) }
        let levels = slow.compactMap { rank in mean(rank.known.map { rank.idle[$0] }) }
        guard let least = levels.min() else { return nil }
        (share, spread) = (least, Matter.leastSpread)
    }

    /// A GPU that is held back, or a port in trouble, for this share of a window: judgement.
    fileprivate static let otherTrouble = 0.05
}

/// Leaves too few windows to see the program without this trouble.
private func isMostly(_ trouble: [Double], in known: [Int]) -> Bool {
    let free = known.count { trouble[$0] < Level.otherTrouble }
    return Double(free) < Matter.cleanWindows * Double(known.count)
}
