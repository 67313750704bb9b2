/// One GPU and its rank, made ready: all series have one value per window, and none is odd.
struct Rank {
    var gpu: String
    var job: String
    /// Idle share; NaN where it is unknown or the window is excluded.
    var idle: [Double]
    /// Share of each window lost to one label, 0 to 1.
    var doses: [(label: Label, lost: [Double], lag: Int?)]
    /// Lost to all labels together, 0 to 1.
    var lost: [Double]
    var running: [Double]
    var held: [Double]
    var fabric: [Double]
    /// Windows are so short that an effect may show in the next one.
    var spreads: Bool

    init(_ series: GPUSeries, windows: [Span]) {
        (gpu, job) = (series.gpu, series.job)
        idle = windows.indices.map { place in
            guard windows[place].length > 0, series.excluded.value(at: place) ?? nil == nil,
                let idle = series.idle.value(at: place) ?? nil, idle.isFinite
            else { return .nan }
            return min(max(idle, 0), 1)
        }
        func shares(_ values: [Double]) -> [Double] {
            windows.indices.map { share(values.value(at: $0) ?? 0) }
        }
        doses = Dictionary(grouping: series.doses, by: \.label).map { label, doses in
            let lost = windows.indices.map { place in
                let length = Double(max(windows[place].length, 1))
                return share(
                    doses.reduce(0) {
                        $0 + share(($1.nanoseconds.value(at: place) ?? 0) / length)
                    })
            }
            return (label, lost, nil)
        }.sorted { $0.label < $1.label }
        lost = []
        spreads = (median(windows.map { Double($0.length) }) ?? 0) < 2.5 * ringNanoseconds
        running = shares(windows.indices.map { (series.running.value(at: $0) ?? nil) ?? 0 })
        held = shares(series.held)
        fabric = shares(series.fabric)
        addUp()
    }

    mutating func addUp() {
        lost = idle.indices.map { place in min(doses.reduce(0) { $0 + $1.lost[place] }, 1) }
    }

    /// The windows in which something is known.
    var known: [Int] { idle.indices.filter { !idle[$0].isNaN } }
}

/// The dose below which a window is clean, also one of a GPU that this one is compared with.
func cleanLimit(_ lost: [Double], in known: [Int]) -> Double {
    let lost = known.map { lost[$0] }
    let sum = lost.reduce(0, +)
    guard sum > 0 else { return Matter.cleanFloor }
    // The mean dose that a lost nanosecond meets: much the same for bursts and for steady loss.
    let usual = lost.reduce(0) { $0 + $1 * $1 } / sum
    return max(Matter.cleanFloor, Matter.cleanPart * usual)
}

/// GPU counters are means over 200 ms (GPU-FABRIC 1.3), read at moments of their own: in windows
/// not much longer, part of an effect shows in the next one.
let ringNanoseconds = 200e6

/// Windows with more than `limit` lost and, where `spreads`, their neighbours.
func isHit(_ lost: [Double], above limit: Double, spreads: Bool) -> [Bool] {
    lost.indices.map { place in
        let reach = spreads ? 1 : 0
        return (max(place - reach, 0)...min(place + reach, lost.count - 1))
            .contains { lost[$0] > limit }
    }
}

extension Array {
    func value(at place: Int) -> Element? { indices.contains(place) ? self[place] : nil }
}

/// 0 to 1; what is no number is 0.
private func share(_ value: Double) -> Double { value > 0 ? min(value, 1) : 0 }
