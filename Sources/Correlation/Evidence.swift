/// What ties the idle time of a GPU to lost time.
struct Evidence {
    /// Windows in which time was lost, or next to them.
    var hits: [Bool]
    /// Idle share in those windows above what is usual, and the most that it can be.
    var share: Double
    var upper: Double
    var p: Double
    var isClear: Bool
    var confidence: Confidence
    var isBound = false

    private init(_ contrast: Contrast, _ hits: [Bool], _ confidence: Confidence) {
        self.hits = hits
        share = max(contrast.difference, 0)
        upper = max(contrast.difference + 2 * contrast.standardError, 0)
        (p, isClear, self.confidence) = (contrast.p, contrast.isClear, confidence)
    }

    private init(bound share: Double, _ hits: [Bool], p: Double) {
        (self.hits, self.share, upper, self.p) = (hits, share, share, p)
        (isClear, confidence, isBound) = (share > 0, .associated, true)
    }

    /// Against the peers, in the same windows: what hits all alike drops out. Where the rank also
    /// had clean windows, what always sets its GPU apart drops out too.
    static func against(_ peers: Peers, _ rank: Rank, hits: [Bool]) -> Evidence? {
        let places = rank.known.filter { !peers.idle[$0].isNaN }
        let apart = places.map { rank.idle[$0] - peers.idle[$0] }
        let isOn = places.map { hits[$0] }
        if hasCleanWindows(isOn), let found = contrast(apart, isOn: isOn) {
            return Evidence(found, hits, .measured)
        }
        guard var found = meanWithError(zip(apart, isOn).filter(\.1).map(\.0)) else { return nil }
        guard let spread = peers.spread else { return Evidence(found, hits, .associated) }
        let between = spread * (1 + 1 / Double(peers.count)).squareRoot()
        found.standardError =
            (found.standardError * found.standardError + between * between).squareRoot()
        found.degrees = min(found.degrees, peers.count - 1)
        return Evidence(found, hits, .measured)
    }

    /// Against other times. `lost` and `idle` may be those of one GPU, or of the latest rank and
    /// of all that wait for it.
    static func overTime(_ idle: [Double], lost: [Double], hits: [Bool]) -> Evidence? {
        let places = comparable(idle, lost: lost)
        let isOn = places.map { hits[$0] }
        guard hasCleanWindows(isOn), let found = contrast(places.map { idle[$0] }, isOn: isOn)
        else { return nil }
        return Evidence(found, hits, .associated)
    }

    /// Time was lost in every window: no more is known than that a GPU idles no longer than it
    /// idled, nor than its rank lost. `others` is what other trouble may account for. Nil where
    /// the two do not move together although they would have to.
    static func mechanism(
        _ idle: [Double], lost: [Double], others: [Double], hits: [Bool], needsSlope: Bool,
        using generator: inout SeededGenerator
    ) -> Evidence? {
        let places = comparable(idle, lost: lost).filter { hits[$0] }
        let free = places.map { max(idle[$0] - others[$0], 0) }
        guard let idling = mean(free), let losing = mean(places.map { lost[$0] }) else {
            return nil
        }
        let dose = smooth(places.map { lost[$0] })
        let block = max(1, min(5, places.count / 4))
        let line = theilSen(
            dose: dose, response: smooth(free), block: block, using: &generator)
        var part = 1.0
        if let line, line.interval.upperBound < Evidence.leastSlope {
            part = line.interval.lowerBound > 0 ? line.slope : 0
        }
        var p = 0.0
        if needsSlope {
            guard let line, line.interval.lowerBound > 0,
                let found = lagSearch(
                    dose: dose, response: smooth(free), lags: 1, using: &generator)
            else { return nil }
            p = found.p
        }
        return Evidence(bound: min(idling, losing * part), hits, p: p)
    }

    /// If idling surely rises by less than this per unit of lost time, most of what is lost is
    /// hidden by queued work: judgement.
    private static let leastSlope = 0.5
}

/// Enough windows on the clean side to say what the program does by itself.
private func hasCleanWindows(_ isOn: [Bool]) -> Bool {
    let clean = isOn.count { !$0 }
    return clean >= fewestOnEitherSide
        && Double(clean) >= Matter.cleanWindows * Double(isOn.count)
}

/// Idling this far beyond what was lost is not the host's doing: a checkpoint, an evaluation.
private let otherwiseIdle = 0.3

/// The known windows, less those in which something else than lost time stops the GPUs.
private func comparable(_ idle: [Double], lost: [Double]) -> [Int] {
    let known = idle.indices.filter { !idle[$0].isNaN }
    let usual = median(known.map { idle[$0] }) ?? 0
    return known.filter { place in
        let near = max(place - 1, 0)...min(place + 1, lost.count - 1)
        return idle[place] <= usual + otherwiseIdle + (lost[near].max() ?? 0)
    }
}

/// Means of three neighbours: GPU and host are not read in the same instant.
func smooth(_ values: [Double]) -> [Double] {
    values.indices.map { place in
        let near = values[max(place - 1, 0)...min(place + 1, values.count - 1)]
        return near.reduce(0, +) / Double(near.count)
    }
}
