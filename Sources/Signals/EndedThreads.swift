/// Threads that ended, as their last record has them.
struct EndedThreads {
    /// Ended threads that are kept one by one; more are summed by name. Bounds memory under a
    /// fork storm.
    private static let mostKept = 2_048
    /// Of those that came and went between two readings, the busiest this many are kept. Judgement.
    private static let mostKeptAtOnce = 256
    /// Names with a sum of their own; the threads of all other names are one sum. Names are free
    /// to choose, so nothing else bounds them.
    private static let mostNames = 512

    private struct Ended {
        var thread: ThreadActivity
        /// When its record was read, CLOCK_MONOTONIC ns.
        var at: UInt64
    }

    private var single: [Ended] = []
    private var sums: [String: Ended] = [:]
    /// Tells a sum from one of the same name that was forgotten.
    private var generation: UInt64 = 0

    var threads: [ThreadActivity] {
        single.map(\.thread) + sums.values.map(\.thread).sorted { $0.name < $1.name }
    }

    /// `seen`: threads of the last reading. Their part before it is known, so they have to be told
    /// apart; what no reading has shown can be summed, and nothing is counted twice.
    mutating func keep(_ threads: [ThreadActivity], seen: Set<Int32>, at now: UInt64) {
        var unseen: [ThreadActivity] = []
        for thread in threads {
            if seen.contains(thread.tid) && single.count < 4 * Self.mostKept {
                single.append(Ended(thread: thread, at: now))
            } else {
                unseen.append(thread)
            }
        }
        let room = max(0, min(Self.mostKeptAtOnce, Self.mostKept - single.count))
        if unseen.count > room { unseen.sort { $0.awake > $1.awake } }
        single += unseen.prefix(room).map { Ended(thread: $0, at: now) }
        for thread in unseen.dropFirst(room) { sum(thread, at: now) }
    }

    /// Lets go of what ended before `horizon`.
    mutating func forget(before horizon: UInt64) {
        single.removeAll { $0.at < horizon }
        let gone = sums.filter { $0.value.at < horizon }.keys
        for name in gone { sums[name] = nil }
        if !gone.isEmpty { generation += 1 }
    }

    private mutating func sum(_ thread: ThreadActivity, at now: UInt64) {
        let isKnown = sums[thread.name] != nil || sums.count < Self.mostNames
        let name = isKnown ? thread.name : ""
        let sum = sums[name].map { $0.thread.adding(thread) }
        sums[name] = Ended(thread: sum ?? thread.asSum(named: name, generation), at: now)
    }
}

extension ThreadActivity {
    /// The sum of several ended threads: nobody's tid.
    fileprivate func asSum(named name: String, _ generation: UInt64) -> ThreadActivity {
        var sum = self
        sum.tid = 0
        sum.pid = 0
        sum.name = name
        sum.startedAt = generation
        return sum
    }

    fileprivate func adding(_ other: ThreadActivity) -> ThreadActivity {
        var sum = self
        sum.time = time + other.time
        sum.mmapLock += other.mmapLock
        sum.writing += other.writing
        sum.timeByNode.merge(other.timeByNode, uniquingKeysWith: +)
        sum.systemTime += other.systemTime
        sum.minorFaults += other.minorFaults
        sum.majorFaults += other.majorFaults
        sum.preemptions += other.preemptions
        sum.yields += other.yields
        sum.voluntarySwitches += other.voluntarySwitches
        sum.migrations += other.migrations
        sum.cacheMigrations += other.cacheMigrations
        sum.nodeMigrations += other.nodeMigrations
        return sum
    }
}
