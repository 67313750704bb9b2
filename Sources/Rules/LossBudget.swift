import Signals
import Training

/// What was lost, by thread and by what it was lost to, less what has been granted.
struct LossBudget {
    private let window: UInt64
    private let ledger: Threads
    private let index: LedgerIndex
    private let launch: ThreadNumbers
    private var launchWall: UInt64 = 0
    /// By the thread's first place in the ledger; of a number that was used again, the last thread.
    private var totals: [UInt64]
    private var states: [StateTimes]
    private var locks: [UInt64]
    /// `nil` until somebody claims a wait.
    private var waits: WaitBudget?

    init(_ observation: Observation) {
        window = observation.whole.nanoseconds
        let ledger = (try? observation.threads()) ?? Threads()
        let index = observation.index(ledger)
        (self.ledger, self.index) = (ledger, index)
        launch = ThreadNumbers(index.launch.map(\.tid))
        for thread in index.launch where thread.tid > 0 { launchWall &+= thread.time.total }
        let threads = ledger.threads.span
        totals = [UInt64](repeating: 0, count: threads.count)
        states = [StateTimes](repeating: StateTimes(), count: threads.count)
        locks = totals
        for place in threads.indices {
            let first = index.firstPlace(place)
            totals[first] = threads[place].time.total
            states[first] = threads[place].time
            locks[first] = threads[place].mmapLock
        }
    }

    /// As much of each claim as nobody has claimed yet.
    mutating func grant(_ claims: [Claim]) -> [Claim] {
        var granted: [Claim] = []
        granted.reserveCapacity(claims.count)
        var place = -1
        for var claim in claims where claim.tid > 0 {
            guard let found = index.place(of: claim.tid, after: place) else { continue }
            place = found
            claim.nanoseconds = take(claim, place)
            if claim.nanoseconds > 0 { granted.append(claim) }
        }
        return granted
    }

    /// A wait behind somebody is waiting too, and a wait for the mmap_lock is blocked time.
    private mutating func take(_ claim: Claim, _ place: Int) -> UInt64 {
        switch claim.loss {
        case .state(let state): return take(claim.nanoseconds, of: state, place)
        case .waiting(let culprit):
            if waits == nil { waits = WaitBudget(ledger.waits, index) }
            guard let wait = waits?.place(place, culprit) else { return 0 }
            let taken = take(min(claim.nanoseconds, waits?.left[wait] ?? 0), of: .waiting, place)
            waits?.left[wait] -= taken
            return taken
        case .mmapLock:
            let taken = take(min(claim.nanoseconds, locks[place]), of: .blocked, place)
            locks[place] -= taken
            return taken
        }
    }

    private mutating func take(
        _ nanoseconds: UInt64, of state: ThreadState, _ place: Int
    ) -> UInt64 {
        let taken = min(nanoseconds, states[place][state])
        states[place][state] -= taken
        return taken
    }

    func cost(of claims: [Claim]) -> Cost {
        var cost = Cost()
        guard window > 0 else { return cost }
        cost.threadSecondsPerSecond = Double(claims.nanoseconds) / Double(window)
        guard launchWall > 0 else { return cost }
        let lost = claims.indices.reduce(UInt64(0)) {
            launch.contains(claims[$1].tid) ? $0 &+ claims[$1].nanoseconds : $0
        }
        cost.launchShare = Double(lost) / Double(launchWall)
        return cost
    }

    /// The largest share that one thread lost. The job waits for launch and communication threads
    /// at once; others have work queued ahead of them. Weights are judgement.
    func impact(of claims: [Claim]) -> Double {
        guard !claims.isEmpty else { return 0 }
        var lost = [UInt64](repeating: 0, count: totals.count)
        var place = -1
        for claim in claims.indices {
            guard let found = index.place(of: claims[claim].tid, after: place) else { continue }
            place = found
            lost[place] &+= claims[claim].nanoseconds
        }
        return lost.indices.reduce(0) { worst, place in
            guard totals[place] > 0 else { return worst }
            let role = index.role(at: place)
            let weight = role == .launch || role == .nccl ? 1.0 : 0.5
            return max(worst, weight * Double(lost[place]) / Double(totals[place]))
        }
    }
}

/// What threads waited behind culprits, less what has been granted.
private struct WaitBudget {
    /// Thread by thread, and for each by the culprit's number.
    var left: [UInt64]
    private let numbers: [Int]
    private let byThread: Groups
    private let culprits: CulpritNumbers
    private var last: (culprit: Culprit, number: Int?)?

    init(_ waits: [Wait], _ index: LedgerIndex) {
        culprits = index.culprits
        let byCulprit = Groups(culprits.byWait, below: culprits.all.count).order
        byThread = Groups(byCulprit.map { index.placeByWait[$0] }, below: index.threadCount)
        let order = byThread.order.map { byCulprit[$0] }
        numbers = order.map { index.culprits.byWait[$0] }
        left = order.map { waits[$0].nanoseconds }
        for thread in 0..<index.threadCount {
            // What stands there twice counts as one, at its first place.
            for place in byThread.range(of: thread).dropFirst().reversed()
            where numbers[place] == numbers[place - 1] {
                left[place - 1] &+= left[place]
            }
        }
    }

    /// Where it stands in `left`; `nil` where the thread never waited behind the culprit.
    mutating func place(_ thread: Int, _ culprit: Culprit) -> Int? {
        if last?.culprit != culprit { last = (culprit, culprits.number(of: culprit)) }
        guard let number = last?.number else { return nil }
        var (low, high) = (
            byThread.range(of: thread).lowerBound, byThread.range(of: thread).upperBound
        )
        let end = high
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low < end && numbers[low] == number ? low : nil
    }
}

extension RandomAccessCollection<Claim> {
    /// All of it together, ns.
    var nanoseconds: UInt64 { indices.reduce(0) { $0 &+ self[$1].nanoseconds } }
}
