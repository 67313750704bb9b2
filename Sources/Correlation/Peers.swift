/// What the other GPUs of the job did in the windows in which their ranks lost next to nothing.
struct Peers {
    /// Mean idle share; NaN where no peer was clean.
    var idle: [Double]
    /// How far GPUs differ by themselves, as a standard deviation; nil with too few peers.
    var spread: Double?
    var count: Int

    init?(of target: Int, among ranks: [Rank], limit: Double) {
        let job = ranks[target].job
        var peers: [(mean: Double, idle: [Double])] = []
        for (place, rank) in ranks.enumerated() where place != target && rank.job == job {
            let hit = isHit(rank.lost, above: limit, spreads: rank.spreads)
            let idle = rank.idle.indices.map { hit[$0] ? .nan : rank.idle[$0] }
            let clean = idle.filter { !$0.isNaN }
            guard clean.count * 2 >= rank.known.count, let mean = mean(clean) else { continue }
            peers.append((mean, idle))
        }
        guard !peers.isEmpty else { return nil }
        count = peers.count
        spread = Peers.spread(peers.map(\.mean))
        // A peer with a trouble of its own must not be what others are measured against.
        peers.sort { $0.mean < $1.mean }
        if peers.count >= Matter.fewestPeers { peers = Array(peers.dropFirst().dropLast()) }
        idle = ranks[target].idle.indices.map { place in
            Correlation.mean(peers.map { $0.idle[place] }.filter { !$0.isNaN }) ?? .nan
        }
    }

    /// From the median distance to the median, which one odd GPU does not move.
    private static func spread(_ means: [Double]) -> Double? {
        guard means.count >= Matter.fewestPeers, let middle = median(means),
            let distance = median(means.map { abs($0 - middle) })
        else { return nil }
        return max(1.4826 * distance, Matter.leastSpread)
    }
}
