import Glibc
import Host
import Signals

/// Loads the probes for `watch`.
func opened(_ watch: Watch) -> Source {
    Source(host: Host(), facts: HostFacts(), watch: watch)
}

/// What the ledger says happened while `act` ran and for the time after it.
func measured(
    _ watch: Watch, milliseconds: UInt64 = 1_500, _ act: () throws -> Void = {}
) throws -> Threads {
    try measured(opened(watch), milliseconds: milliseconds, act)
}

func measured(
    _ source: Source, milliseconds: UInt64, _ act: () throws -> Void = {}
) throws -> Threads {
    let read = try Threads.open(on: source)
    let before = try read()
    try act()
    pass(milliseconds, on: source)
    return try read().since(before)
}

/// Lets time pass as `stoker diagnose` does.
func pass(_ milliseconds: UInt64, on source: Source, _ also: () -> Void = {}) {
    let end = monotonicNanoseconds() + milliseconds * 1_000_000
    while monotonicNanoseconds() < end {
        usleep(20_000)
        source.drainDeaths()
        also()
    }
}

extension Threads {
    /// The first thread of a process.
    func main(of pid: pid_t) -> ThreadActivity? { threads.first { $0.tid == pid } }

    /// All threads of a process as one.
    func all(of pid: pid_t) -> StateTimes {
        threads.filter { $0.pid == pid }.reduce(StateTimes()) { $0 + $1.time }
    }

    /// What `tid` waited for each culprit, longest first.
    func waits(of tid: pid_t) -> [Wait] {
        waits.filter { $0.tid == tid }.sorted { $0.nanoseconds > $1.nanoseconds }
    }
}

extension StateTimes {
    /// Part of the wall time, 0 to 1.
    func share(_ state: ThreadState) -> Double {
        total > 0 ? Double(self[state]) / Double(total) : 0
    }

    /// Part of the time that it did not sleep.
    func awakeShare(_ state: ThreadState) -> Double {
        let awake = total - self[.sleeping]
        return awake > 0 ? Double(self[state]) / Double(awake) : 0
    }

    /// Every state that is not empty, for a failed test.
    var summary: String {
        ThreadState.allCases.filter { self[$0] > 0 }
            .map { "\($0.name) \(self[$0] / 1_000)us" }.joined(separator: ", ")
    }
}
