package import Signals

/// The ledger of the whole window, sorted by what rules ask for. Made once for a diagnosis: there
/// are some fifty rules, and on a large host thousands of threads and waits.
package struct LedgerIndex: Sendable {
    private let ledger: Threads
    /// Launch threads, and these with the communication threads: those that other ranks wait for.
    package private(set) var launch: [ThreadActivity] = []
    package private(set) var critical: [ThreadActivity] = []
    /// Every watched process.
    package let pids: Set<Int32>
    /// Processes with a loader thread.
    package private(set) var loaderPids: Set<Int32> = []
    private let processes: [Int32: OwnThreads]
    /// The first place of each thread in the ledger, and by place where numbers were used again.
    private var placeByTid: [Int32: Int]
    private var firstPlaces: [Int] = []
    private let roles: [Role]
    package let culprits: CulpritNumbers
    /// For each wait the first place of its thread; -1 for a thread that the ledger does not have.
    package let placeByWait: [Int]

    package init(_ ledger: Threads, _ job: Job) {
        self.ledger = ledger
        placeByTid = Dictionary(minimumCapacity: ledger.threads.count)
        processes = OwnThreads.byPid(ledger.threads)
        pids = Set(processes.keys).union(job.processes.map(\.pid))
        culprits = CulpritNumbers(ledger.waits)
        let threads = ledger.threads.span
        var roles: [Role] = []
        roles.reserveCapacity(threads.count)
        for place in threads.indices {
            let (tid, pid) = (threads[place].tid, threads[place].pid)
            let role = job.role(tid)
            roles.append(role)
            if role == .launch { launch.append(ledger.threads[place]) }
            if role == .launch || role == .nccl { critical.append(ledger.threads[place]) }
            if role == .loader { loaderPids.insert(pid) }
            if let first = placeByTid.updateValue(place, forKey: tid) { placeByTid[tid] = first }
        }
        self.roles = roles
        if placeByTid.count < threads.count {
            for place in threads.indices {
                firstPlaces.append(placeByTid[threads[place].tid] ?? place)
            }
        }
        placeByWait = Self.places(of: ledger.waits, placeByTid)
    }

    private static func places(of waits: [Wait], _ byTid: [Int32: Int]) -> [Int] {
        // The waits of a thread mostly follow each other.
        var last: (tid: Int32, place: Int) = (0, byTid[0] ?? -1)
        return waits.indices.map { wait in
            let tid = waits[wait].tid
            if tid != last.tid { last = (tid, byTid[tid] ?? -1) }
            return last.place
        }
    }
}

/// Threads by their numbers.
extension LedgerIndex {
    /// The first place in the ledger of the thread at `place`.
    package func firstPlace(_ place: Int) -> Int {
        firstPlaces.isEmpty ? place : firstPlaces[place]
    }

    /// The first place of a thread. Who asks for many tells the answer before: the next thread
    /// mostly follows.
    package func place(of tid: Int32, after last: Int = -1) -> Int? {
        let next = last + 1
        let follows = next < ledger.threads.count && ledger.threads[next].tid == tid
        return follows ? firstPlace(next) : placeByTid[tid]
    }

    package var threadCount: Int { ledger.threads.count }

    package func role(at place: Int) -> Role { roles[place] }

    package func threads(of pid: Int32) -> [ThreadActivity] {
        (processes[pid]?.places ?? []).map { ledger.threads[$0] }
    }

    /// Time on CPUs by node of all threads of a process, ns.
    package func timeByNode(of pid: Int32) -> [Int: Double] { processes[pid]?.timeByNode ?? [:] }
}

/// Waits by whom they were behind.
extension LedgerIndex {
    /// Whether anybody waited behind a culprit that `counts` accepts.
    package func hasWaits(behind counts: (Culprit) -> Bool) -> Bool {
        culprits.all.contains(where: counts)
    }

    /// Such waits in the ledger's order; of the threads `tids` alone, where they are given.
    package func waits(
        of tids: ThreadNumbers? = nil, behind counts: (Culprit) -> Bool
    ) -> [Wait] {
        var found: [Wait] = []
        forEach(behind: counts) { wait in
            guard tids?.contains(ledger.waits[wait].tid) ?? true else { return }
            found.append(ledger.waits[wait])
        }
        return found
    }

    /// What each thread lost to such waits, by its first place in the ledger; `nil` where there are
    /// none.
    package func lost(behind counts: (Culprit) -> Bool) -> [UInt64]? {
        var lost: [UInt64] = []
        forEach(behind: counts) { wait in
            if lost.isEmpty { lost = [UInt64](repeating: 0, count: ledger.threads.count) }
            let place = placeByWait[wait]
            if place >= 0 { lost[place] &+= ledger.waits[wait].nanoseconds }
        }
        return lost.isEmpty ? nil : lost
    }

    private func forEach(behind counts: (Culprit) -> Bool, _ body: (Int) -> Void) {
        let isCounted = culprits.all.map(counts)
        guard isCounted.contains(true) else { return }
        for wait in culprits.byWait.indices where isCounted[culprits.byWait[wait]] { body(wait) }
    }
}

/// The threads of one process.
private struct OwnThreads: Sendable {
    /// In the ledger, ascending.
    var places: [Int] = []
    var timeByNode: [Int: Double] = [:]

    static func byPid(_ threads: [ThreadActivity]) -> [Int32: OwnThreads] {
        let threads = threads.span
        var all: [Int32: OwnThreads] = [:]
        // The threads of a process mostly follow each other.
        var place = 0
        while place < threads.count {
            let pid = threads[place].pid
            var own = all.removeValue(forKey: pid) ?? OwnThreads()
            while place < threads.count, threads[place].pid == pid {
                own.places.append(place)
                for (node, time) in threads[place].timeByNode {
                    own.timeByNode[node, default: 0] += Double(time)
                }
                place += 1
            }
            all[pid] = own
        }
        return all
    }
}
