import BPF
import CRecords
import Glibc
import Host

/// Reads the kernel's ledger. A class because it remembers threads that ended and the names of
/// culprits between readings.
final class LedgerReader {
    private let ledger: LedgerProbe
    private let source: Source
    private var ended = EndedThreads()
    /// Threads of the last reading.
    private var seen: Set<Int32> = []
    /// A process is named when it first stands in somebody's way.
    private var culprits: [Culprit.Kind: [UInt32: Culprit]] = [:]
    /// In a crowd: the process that stands for all of its name that are gone.
    private var firstOfName: [String: UInt32] = [:]

    /// Names are free to choose, so nothing else bounds them. Judgement.
    private static let mostNames = 512

    init(_ ledger: LedgerProbe, _ source: Source) {
        self.ledger = ledger
        self.source = source
    }

    func read() throws(Unavailable) -> Threads {
        do throws(ProbeError) {
            // In this order a wait that is settled in between is seen late, never twice.
            var waited = try ledger.waits(together: together)
            let records = try ledger.records()
            let cpus = try ledger.cpus()
            ended.keep(
                ledger.takeEnded().map {
                    ThreadActivity($0, hasExited: true, nodes: ledger.nodes)
                }, seen: seen, at: monotonicNanoseconds())
            for record in records where record.thread.blamed > 0 {
                let thread = record.thread
                let id = LedgerProbe.WaitID(
                    tid: record.tid, culprit: thread.culprit, kind: UInt32(thread.culprit_kind))
                waited[id, default: 0] += thread.blamed
            }
            let live = records.map {
                ThreadActivity($0, hasExited: false, nodes: ledger.nodes)
            }
            source.watchedPids = Set(live.map(\.pid))
            seen = Set(live.map(\.tid))
            defer { forget() }
            return Threads(
                threads: live + ended.threads, waits: waited.map { wait($0, $1) },
                gaps: gaps(cpus))
        } catch {
            throw Unavailable(error)
        }
    }

    /// One pair for what many short-lived threads and processes do to each other: of threads that no
    /// reading has shown there is one sum, and processes that are gone go by the first of their
    /// name.
    private func together(_ id: LedgerProbe.WaitID) -> LedgerProbe.WaitID {
        var id = id
        if !seen.contains(Int32(bitPattern: id.tid)) { id.tid = 0 }
        guard Self.kinds[Int(id.kind) % Self.kinds.count] == .process,
            !source.host.exists("/proc/\(id.culprit)/stat")
        else { return id }
        let name = ledger.obituary(id.culprit) ?? ""
        if let first = firstOfName[name] {
            id.culprit = first
        } else if firstOfName.count < Self.mostNames {
            firstOfName[name] = id.culprit
        } else {
            id = LedgerProbe.WaitID(tid: id.tid, culprit: 0, kind: Self.unknownKind)
        }
        return id
    }

    /// Lets go of what ended before the time that is looked back at. What has not changed since
    /// then makes no difference between two readings.
    private func forget() {
        guard let span = source.memoryNanoseconds else { return }
        let horizon = growth(monotonicNanoseconds(), span)
        ended.forget(before: horizon)
        let isAlive = { (pid: UInt32) in
            Int32(bitPattern: pid) <= 0 || self.source.host.exists("/proc/\(pid)/stat")
        }
        let named = ledger.forgetWaits(before: horizon) { wait in
            seen.contains(Int32(bitPattern: wait.tid)) && isAlive(wait.culprit)
        }
        firstOfName = firstOfName.filter { named.contains($0.value) }
        for kind in culprits.keys {
            culprits[kind] = culprits[kind]?.filter { named.contains($0.key) }
        }
    }

    private func gaps(_ cpus: [ledger_cpu]) -> Gaps {
        var gaps = Gaps()
        if ledger.refused > 0 {
            gaps.reasons.append("no room to watch \(ledger.refused) of the processes")
        }
        gaps.lost = cpus.reduce(0) { $0 + $1.lost_threads + $1.lost_deaths }
        let unblamed = cpus.reduce(0) { $0 + $1.lost_blame }
        if unblamed > 0 {
            gaps.reasons.append(
                "no room to note who caused \(unblamed / 1_000_000) ms of waiting")
        }
        if ledger.nodes.count > Int(LEDGER_NODES) {
            gaps.reasons.append(
                "time by memory node is told for the first \(LEDGER_NODES) nodes only")
        }
        let hooks = [
            "sched_process_fork": "threads started after the beginning",
            "mm_vmscan_direct_reclaim_begin": "reclaim",
            "mm_vmscan_memcg_reclaim_begin": "reclaim by memory limits",
            "mm_compaction_begin": "compaction",
        ]
        for (hook, part) in hooks.sorted(by: { $0.key < $1.key }) {
            if let why = ledger.missing(hook) { gaps.reasons.append("\(part) not told: \(why)") }
        }
        return gaps
    }

    private func wait(_ id: LedgerProbe.WaitID, _ nanoseconds: UInt64) -> Wait {
        Wait(
            tid: Int32(bitPattern: id.tid), culprit: culprit(id.kind, id.culprit),
            nanoseconds: nanoseconds)
    }

    private func culprit(_ kind: UInt32, _ id: UInt32) -> Culprit {
        var kind = Self.kinds[Int(kind) % Self.kinds.count]
        if kind == .process && id == UInt32(bitPattern: getpid()) { kind = .stoker }
        if let known = culprits[kind]?[id] { return known }
        var culprit = Culprit(kind: kind, id: Int32(bitPattern: id))
        if kind == .process || kind == .kthread {
            let files = source.host.process(culprit.id)
            culprit.name = files.name ?? ledger.obituary(id) ?? ""
            if kind == .process && culprit.name == gpuWorkerName { culprit.kind = .stoker }
            culprit.allowed = files.status?.allowed
            culprit.nice = files.stat?.nice
            if kind == .process, let paths = files.cgroups {
                culprit.cgroup = paths["cpu"] ?? paths[""]
            }
        }
        culprits[kind, default: [:]][id] = culprit
        return culprit
    }

    /// In the order of `enum ledger_kind`.
    private static let kinds: [Culprit.Kind] = [.process, .kthread, .idle, .yield, .unknown]
    private static let unknownKind: UInt32 = 4
}
