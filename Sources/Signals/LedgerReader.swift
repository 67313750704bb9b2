import BPF
import CRecords
import Glibc
import Host

/// Reads the kernel's ledger. A class because it remembers threads that ended and the names of
/// culprits between readings.
final class LedgerReader {
    /// Ended threads that are kept one by one; more are summed by name. Bounds memory under a
    /// fork storm; the busiest are the ones that stay.
    private static let endedKept = 2_048

    private let ledger: LedgerProbe
    private let source: Source
    private var ended: [ThreadActivity] = []
    private var sums: [String: ThreadActivity] = [:]
    /// A process is named when it first stands in somebody's way.
    private var culprits: [Culprit.Kind: [UInt32: Culprit]] = [:]

    init(_ ledger: LedgerProbe, _ source: Source) {
        self.ledger = ledger
        self.source = source
    }

    func read() throws(Unavailable) -> Threads {
        do throws(ProbeError) {
            // In this order a wait that is settled in between is seen late, never twice.
            var waited = try ledger.waits()
            let records = try ledger.records()
            let cpus = try ledger.cpus()
            keep(ledger.takeEnded())
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
            return Threads(
                threads: live + ended + sums.values.sorted { $0.name < $1.name },
                waits: waited.map { wait($0, $1) },
                gaps: gaps(cpus))
        } catch {
            throw Unavailable(error)
        }
    }

    private func keep(_ records: [ledger_record]) {
        ended += records.map { ThreadActivity($0, hasExited: true, nodes: ledger.nodes) }
        guard ended.count > Self.endedKept else { return }
        ended.sort { $0.awake > $1.awake }
        for thread in ended[(Self.endedKept / 2)...] {
            sums[thread.name] = sums[thread.name].map { $0.adding(thread) } ?? thread.asSum
        }
        ended.removeSubrange((Self.endedKept / 2)...)
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
}

extension ThreadActivity {
    /// The sum of several ended threads of one name: nobody's tid.
    fileprivate var asSum: ThreadActivity {
        var sum = self
        sum.tid = 0
        sum.pid = 0
        sum.startedAt = 0
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
