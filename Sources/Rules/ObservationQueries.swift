import Host
package import Signals
package import Training

/// Questions that more than two rules ask of an observation.
extension Observation {
    /// The watched threads' ledger of the whole window.
    package func threads() throws(Unavailable) -> Threads { try whole(Threads.self) }

    /// Threads that the job waits for first: launch threads, or every thread where none is known.
    package func launchThreads(_ threads: Threads) -> [ThreadActivity] {
        let launch = index(threads).launch
        return launch.isEmpty ? threads.threads : launch
    }

    /// The sorted ledger; sorted anew for a rule that is checked alone.
    func index(_ threads: Threads) -> LedgerIndex { index ?? LedgerIndex(threads, job) }

    /// `nanoseconds` of one thread as a share of the time that it was seen, 0 to 1.
    package func share(_ nanoseconds: UInt64, of thread: ThreadActivity) -> Double {
        thread.time.total > 0 ? Double(nanoseconds) / Double(thread.time.total) : 0
    }

    package func affected(_ thread: ThreadActivity) -> Affected {
        Affected(pid: thread.pid, tid: thread.tid, role: job.role(thread.tid))
    }

    /// Who of `names` runs on this host and would undo a change.
    package func manager(_ names: String...) -> String? {
        names.first { facts.managers.running.contains($0) }
    }
}
