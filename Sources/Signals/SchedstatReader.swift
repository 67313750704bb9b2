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

    private struct Followed {
        var activity: ThreadActivity
        var ran: UInt64
        var waited: UInt64
        var seenAt: UInt64
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
            threads[tid] = Followed(activity: activity, ran: ran, waited: waited, seenAt: now)
            return true
        }
        let wall = growth(now, followed.seenAt)
        let running = min(growth(ran, followed.ran), wall)
        let waiting = min(growth(waited, followed.waited), wall - running)
        followed.activity.time[.running] += running
        followed.activity.time[.waiting] += waiting
        followed.activity.time[stat.state == "D" ? .blocked : .sleeping] += wall - running - waiting
        followed.activity.update(stat)
        threads[tid] = Followed(
            activity: followed.activity, ran: ran, waited: waited, seenAt: now)
        return true
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
