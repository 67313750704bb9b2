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

    /// `seen` is the part of an effect that shows in the windows of the dose.
    private init(
        _ contrast: Contrast, seen: Double = 1, _ hits: [Bool], _ comparable: [Bool],
        _ confidence: Confidence
    ) {
        self.hits = Evidence.charged(hits, comparable)
        share = max(contrast.difference, 0) / seen
        upper = max(contrast.difference + 2 * contrast.standardError, 0) / seen
        (p, isClear, self.confidence) = (contrast.p, contrast.isClear, confidence)
    }

    private init(bound share: Double, _ hits: [Bool], p: Double) {
        (self.hits, self.share, upper, self.p) = (hits, share, share, p)
        (isClear, confidence, isBound) = (share > 0, .associated, true)
    }

    /// Against the peers, in the same windows: what hits all alike drops out. Where the rank also
    /// had clean windows, what always sets its GPU apart drops out too.
    static func against(_ peers: Peers, _ rank: Rank, hits: [Bool]) -> Evidence? {
        let own = comparable(rank.idle, lost: rank.lost)
        let all = comparable(peers.idle, lost: rank.lost)
        let comparable = zip(own, all).map { $0 && $1 }
        let places = rank.known.filter { comparable[$0] }
        let apart = places.map { rank.idle[$0] - peers.idle[$0] }
        let isOn = places.map { hits[$0] }
        let dose = smooth(places.map { rank.lost[$0] })
        if hasCleanWindows(isOn), let found = contrast(apart, isOn: isOn, dose: dose) {
            let seen =
                rank.spreads
                ? 1 : partSeen(of: places.map { rank.lost[$0] }, in: apart, isOn: isOn)
            return Evidence(found, seen: seen, hits, comparable, .measured)
        }
        let left = residuals(apart, after: dose)
        guard var found = meanWithError(zip(left, isOn).filter(\.1).map(\.0)),
            let difference = mean(zip(apart, isOn).filter(\.1).map(\.0))
        else { return nil }
        found.difference = difference
        guard let spread = peers.spread else {
            return Evidence(found, hits, comparable, .associated)
        }
        let between = spread * (1 + 1 / Double(peers.count)).squareRoot()
        found.standardError =
            (found.standardError * found.standardError + between * between).squareRoot()
        found.degrees = min(found.degrees, peers.count - 1)
        return Evidence(found, hits, comparable, .measured)
    }

    /// Against other times. `lost` and `idle` may be those of one GPU, or of the latest rank and
    /// of all that wait for it.
    static func overTime(
        _ idle: [Double], lost: [Double], hits: [Bool], spreads: Bool
    ) -> Evidence? {
        let comparable = comparable(idle, lost: lost)
        let places = idle.indices.filter { comparable[$0] }
        let isOn = places.map { hits[$0] }
        let dose = places.map { lost[$0] }
        let idle = places.map { idle[$0] }
        guard hasCleanWindows(isOn), let found = contrast(idle, isOn: isOn, dose: smooth(dose))
        else { return nil }
        let seen = spreads ? 1 : partSeen(of: dose, in: idle, isOn: isOn)
        let losing = mean(zip(dose, isOn).filter(\.1).map(\.0)) ?? 0
        guard found.difference / seen <= mostPerLost * losing else { return nil }
        return Evidence(found, seen: seen, hits, comparable, .associated)
    }

    /// Time was lost in every window: no more is known than that a GPU idles no longer than it
    /// idled, nor than its rank lost. `others` is what other trouble may account for. Nil where
    /// the two do not move together although they would have to; of GPUs that may only wait for
    /// the one whose rank lost time, more is asked.
    static func mechanism(
        _ idle: [Double], lost: [Double], others: [Double], hits: [Bool], isShared: Bool,
        using generator: inout SeededGenerator
    ) -> Evidence? {
        let comparable = comparable(idle, lost: lost)
        let places = idle.indices.filter { hits[$0] && comparable[$0] }
        guard places.count >= fewestOnEitherSide, !hasCleanWindows(hits)
        else { return nil }
        let free = places.map { max(idle[$0] - others[$0], 0) }
        guard let idling = mean(free), let losing = mean(places.map { lost[$0] }) else {
            return nil
        }
        let dose = smooth(places.map { lost[$0] })
        let block = max(1, min(5, places.count / 4))
        let line = theilSen(
            dose: dose, response: smooth(free), samples: 100, block: block, using: &generator)
        var part = 1.0
        if places.count >= slopeWindows, let line, line.interval.upperBound < leastSlope {
            part = line.interval.lowerBound > 0 ? line.slope : 0
        }
        var p = 0.0
        if isShared, idling < Evidence.largeIdle || losing * part < Evidence.largeLoss {
            guard let line, line.interval.lowerBound > 0,
                let found = lagSearch(
                    dose: dose, response: smooth(free), lags: 1, using: &generator)
            else { return nil }
            p = found.p
        }
        return Evidence(bound: min(idling, losing * part), hits, p: p)
    }

    /// Time that was lost while something else stopped the GPU made that longer, but only what
    /// was also lost at other times is known to matter.
    private static func charged(_ hits: [Bool], _ comparable: [Bool]) -> [Bool] {
        let plain = zip(hits, comparable).map { $0 && $1 }
        return 2 * plain.count { $0 } >= hits.count { $0 } ? hits : plain
    }

    /// If idling surely rises by less than this per unit of lost time, most of what is lost is
    /// hidden by queued work: judgement.
    private static let leastSlope = 0.25
    /// With fewer windows a slope is too easily wrong: judgement.
    private static let slopeWindows = 20
    /// A launch thread that loses a fifth of its time, and GPUs of which a tenth idles as one:
    /// that the one has nothing to do with the other is the less likely. Judgement.
    private static let largeLoss = 0.2
    private static let largeIdle = 0.1
}

/// Enough windows on the clean side to say what the program does by itself.
private func hasCleanWindows(_ isOn: [Bool]) -> Bool {
    let clean = isOn.count { !$0 }
    return clean >= fewestOnEitherSide
        && Double(clean) >= Matter.cleanWindows * Double(isOn.count)
}

/// Idling this far beyond what was lost is not the host's doing: a checkpoint, an evaluation.
private let otherwiseIdle = 0.3

/// Which windows are known, and not next to one in which something else than lost time stops the
/// GPUs.
func comparable(_ idle: [Double], lost: [Double]) -> [Bool] {
    let usual = median(idle.filter { !$0.isNaN }) ?? 0
    let isStopped = idle.indices.map { place in
        let near = max(place - 1, 0)...min(place + 1, lost.count - 1)
        let most = usual + (lost[near].max() ?? 0)
        // A window that was not read is taken for what its neighbours make of it.
        return idle[place].isNaN
            ? idle[near].contains { $0 > most + otherwiseIdle / 2 }
            : idle[place] > most + otherwiseIdle
    }
    return idle.indices.map { place in
        let near = max(place - 1, 0)...min(place + 1, idle.count - 1)
        return !idle[place].isNaN && !isStopped[near].contains(true)
    }
}

/// Part of an effect that shows in the windows of the dose, less what shows of it in the others:
/// GPU counters lag behind, and so do GPUs that have work queued. The delay, of up to one window,
/// is the one that leaves least of the response unexplained.
private func partSeen(of dose: [Double], in response: [Double], isOn: [Bool]) -> Double {
    func late<Value>(_ values: [Value], _ combine: (Value, Value) -> Double) -> [Double] {
        values.indices.map { combine(values[$0], values[max($0 - 1, 0)]) }
    }
    let delays = stride(from: 0, through: 1, by: 0.1)
    let unexplained = delays.map { delay in
        let left = residuals(response, after: late(dose) { $0 * (1 - delay) + $1 * delay })
        return (left: left.reduce(0) { $0 + $1 * $1 }, delay: delay)
    }
    guard let delay = unexplained.min(by: { $0.left < $1.left })?.delay, delay > 0 else {
        return 1
    }
    let effect = late(isOn) { ($0 ? 1 - delay : 0) + ($1 ? delay : 0) }
    return max(contrast(effect, isOn: isOn)?.difference ?? 1, leastSeen)
}

/// Less than half of an effect in place is no delay but another matter: judgement.
private let leastSeen = 0.5

/// Without a peer to compare with: a GPU that idles longer than twice the time lost is stopped by
/// something else that comes with the loss. Judgement.
private let mostPerLost = 2.0

/// Means of three neighbours: GPU and host are not read in the same instant.
func smooth(_ values: [Double]) -> [Double] {
    values.indices.map { place in
        let near = values[max(place - 1, 0)...min(place + 1, values.count - 1)]
        return near.reduce(0, +) / Double(near.count)
    }
}
