import Correlation
import Signals
import Training

/// How much each finding took from single threads in each window: its claims were granted for the
/// whole time, and are spread as the loss was.
struct DoseMeter {
    private let findings: [Finding]
    /// Lost by thread and thing, in each window and in all, ns.
    private var lost: [Key: (windows: [Double], whole: Double)] = [:]
    /// Of the time that a loader lost, the part that mattered in each window, 0 to 1.
    private var matters: [Int32: [Double]] = [:]

    private struct Key: Hashable {
        var tid: Int32
        var loss: Claim.Loss
    }

    init(
        _ observation: Observation, of findings: [Finding], launching: Set<Int32>,
        loading: Set<Int32>
    ) {
        self.findings = findings
        let tids = launching.union(loading)
        let timeline = observation.timeline
        for claim in findings.flatMap(\.claims) where tids.contains(claim.tid) {
            lost[Key(tid: claim.tid, loss: claim.loss)] = (timeline.map { _ in 0 }, 0)
        }
        guard !lost.isEmpty else { return }
        for (place, window) in timeline.enumerated() {
            guard let threads = try? window(Threads.self) else { continue }
            note(threads, tids, loading, at: place, of: timeline.count)
        }
        lost = lost.mapValues { ($0.windows, $0.windows.reduce(0, +)) }
    }

    private mutating func note(
        _ threads: Threads, _ tids: Set<Int32>, _ loading: Set<Int32>, at place: Int,
        of count: Int
    ) {
        func add(_ nanoseconds: UInt64, _ tid: Int32, _ loss: Claim.Loss) {
            guard nanoseconds > 0 else { return }
            lost[Key(tid: tid, loss: loss)]?.windows[place] += Double(nanoseconds)
        }
        for thread in threads.threads where tids.contains(thread.tid) {
            for state in ThreadState.allCases { add(thread.time[state], thread.tid, .state(state)) }
            add(thread.mmapLock, thread.tid, .mmapLock)
            guard loading.contains(thread.tid) else { continue }
            matters[thread.tid, default: [Double](repeating: 0, count: count)][place] =
                Self.partThatMatters(thread.time)
        }
        for wait in threads.waits where tids.contains(wait.tid) {
            add(wait.nanoseconds, wait.tid, .waiting(wait.culprit))
        }
    }

    /// A loader sleeps when its batches are ready before anybody wants them. As long as it slept it
    /// could have worked: only what it lost beyond that came too late.
    private static func partThatMatters(_ time: StateTimes) -> Double {
        let slept = Double(time[.sleeping])
        let lost = Double(time.total) - slept - Double(time[.running])
        return lost > slept ? (lost - slept) / lost : 0
    }

    /// By finding; of the thread that lost most to it.
    func doses(of tids: Set<Int32>) -> [Dose] {
        findings.indices.compactMap { place in
            let byThread = Dictionary(
                grouping: findings[place].claims.filter { tids.contains($0.tid) }, by: \.tid)
            let worst = byThread.map { series($1, of: $0) }
                .max { $0.reduce(0, +) < $1.reduce(0, +) }
            return worst.map { Dose(label: Label(place, of: findings[place]), nanoseconds: $0) }
        }
    }

    /// Of one thread's claims.
    private func series(_ claims: [Claim], of tid: Int32) -> [Double] {
        var sum: [Double] = []
        for claim in claims {
            guard let lost = lost[Key(tid: tid, loss: claim.loss)], lost.whole > 0 else {
                continue
            }
            let part = min(1, Double(claim.nanoseconds) / lost.whole)
            if sum.isEmpty { sum = lost.windows.map { _ in 0 } }
            for index in sum.indices { sum[index] += part * lost.windows[index] }
        }
        guard let matters = matters[tid] else { return sum }
        return zip(sum, matters).map(*)
    }
}
