import Accelerators
import Glibc
import Host

/// The ledger of a user without privileges, from /proc: running and waiting are the kernel's own
/// figures, the rest is told by the state that each look happens to see. A class because it adds
/// up between looks.
final class SchedstatReader {
    /// Looks at all processes for new descendants happen this seldom.
    private static let scanNanoseconds: UInt64 = 1_000_000_000

    private let source: Source
    private let why: Unavailable
    private var threads: [Int32: Followed] = [:]
    private var ended = EndedThreads()
    private var scannedAt: UInt64 = 0

    fileprivate struct Followed {
        var activity: ThreadActivity
        var ran: UInt64
        var waited: UInt64
        var seenAt: UInt64
        /// Until when its time is charged: before the last look where that saw it runnable.
        var chargedTo: UInt64
        /// Times it went to sleep, and whether the last look found one more; known where it was
        /// runnable alone.
        var sleeps: UInt64?
        var mayHaveSlept = true
    }

    init(_ source: Source, instead why: Unavailable) {
        self.source = source
        self.why = why
        sample()
    }

    func read() -> Threads {
        sample()
        if let span = source.memoryNanoseconds {
            ended.forget(before: growth(monotonicNanoseconds(), span))
        }
        return Threads(
            method: .procfs,
            threads: threads.values.map(\.activity).sorted { $0.tid < $1.tid } + ended.threads,
            gaps: Gaps(reasons: [
                "no probes, figures of /proc instead: \(why.reason)",
                "interrupts, reclaim and culprits are not told; threads that end between looks"
                    + " are not seen",
            ]))
    }

    /// One look at every watched thread.
    func sample() {
        let now = monotonicNanoseconds()
        if now - scannedAt >= Self.scanNanoseconds {
            scannedAt = now
            findProcesses()
        }
        var alive: Set<Int32> = []
        for pid in source.watchedPids {
            let process = source.host.process(pid)
            for tid in process.threads where look(process.thread(tid), tid, pid, now) {
                alive.insert(tid)
            }
        }
        for (tid, followed) in threads where !alive.contains(tid) {
            var activity = followed.activity
            activity.hasExited = true
            ended.keep([activity], seen: [tid], at: now)
            threads[tid] = nil
        }
    }

    private func findProcesses() {
        let parents = source.host.parents
        // A captured tree may have another process of this number.
        let mine = source.host.isCaptured ? 0 : getpid()
        let worker = source.gpus?.pid ?? 0
        if source.watch.everything {
            // Kernel threads are children of kthreadd, pid 2.
            source.watchedPids = Set(
                parents.filter { $0.key != mine && $0.key != 2 && $0.value != 2 }.keys
            ).subtracting([worker])
            return
        }
        var found = Set(source.watchedPids.filter { parents[$0] != nil })
        if source.watch.children { found.formUnion(parents.filter { $0.value == mine }.keys) }
        source.watchedPids = withDescendants(found, parents: parents)
            .subtracting([mine, worker])
    }

    private func look(_ files: ProcessFiles, _ tid: Int32, _ pid: Int32, _ now: UInt64) -> Bool {
        guard let stat = files.stat else { return false }
        let schedule = files.schedule
        let tick = 1_000_000_000 / Host.ticksPerSecond
        let ran = schedule?.ran ?? (stat.userTicks &+ stat.systemTicks) &* tick
        let waited = schedule?.waited ?? 0
        guard var followed = threads[tid] else {
            var activity = ThreadActivity(
                tid: tid, pid: pid, startedAt: stat.startTicks &* tick, name: stat.name)
            activity.update(stat)
            threads[tid] = Followed(
                activity: activity, ran: ran, waited: waited, seenAt: now, chargedTo: now)
            return true
        }
        let wall = growth(now, followed.chargedTo)
        let running = min(growth(ran, followed.ran), wall)
        let waiting = min(growth(waited, followed.waited), wall - running)
        let rest = wall - running - waiting
        followed.activity.time[.running] += running
        followed.activity.time[.waiting] += waiting
        if stat.state == "R" {
            followed.keepOpen(rest, at: now, sleeps: files.status?.voluntarySwitches)
        } else {
            followed.activity.time[stat.state == "D" ? .blocked : .sleeping] += rest
            followed.chargedTo = now
            followed.sleeps = nil
            followed.mayHaveSlept = true
        }
        followed.activity.update(stat)
        (followed.ran, followed.waited, followed.seenAt) = (ran, waited, now)
        threads[tid] = followed
        return true
    }
}

extension SchedstatReader.Followed {
    /// The kernel adds a wait when it ends, and time on a CPU with the tick: what a runnable thread
    /// has no figure for yet, the next look may. What that one does not explain either was sleep,
    /// or, of a thread that never went to sleep, time that a hypervisor or interrupts took.
    fileprivate mutating func keepOpen(_ rest: UInt64, at now: UInt64, sleeps: UInt64?) {
        let hasSlept = sleeps == nil || sleeps != self.sleeps
        let open = min(rest, growth(now, seenAt))
        activity.time[hasSlept || mayHaveSlept ? .sleeping : .waiting] += rest - open
        chargedTo = now - open
        self.sleeps = sleeps
        mayHaveSlept = hasSlept
    }
}

extension ThreadActivity {
    fileprivate mutating func update(_ stat: ProcessStat) {
        name = stat.name
        cpu = stat.cpu ?? 0
        systemTime = stat.systemTicks &* (1_000_000_000 / Host.ticksPerSecond)
        minorFaults = stat.minorFaults
        majorFaults = stat.majorFaults
    }
}
