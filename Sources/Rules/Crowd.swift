import Host
import Signals
import Training

/// Those of a job who have to share CPUs: bound to some of them, or to none.
struct Crowd {
    /// All that those who wait, and those they wait for, may use.
    let cpus: CPUList
    private let pids: Set<Int32>
    /// Threads that are bound otherwise than their processes.
    private let others: [Int32: Bool]

    /// A process that made less than this of the waiting is not what the others are crowded by.
    /// Judgement.
    private static let leastPart = 0.1

    init(_ waiting: [ThreadLoss], _ threads: Threads, _ observation: Observation) {
        let all = observation.jobCPUs
        var behind: [Int32: UInt64] = [:]
        var sum: UInt64 = 0
        var masks: Set<CPUList> = []
        for loss in waiting {
            masks.insert(observation.allowed(loss.thread) ?? all)
            for claim in loss.claims {
                guard case .waiting(let culprit) = claim.loss else { continue }
                behind[culprit.id, default: 0] &+= claim.nanoseconds
                sum &+= claim.nanoseconds
            }
        }
        for (pid, nanoseconds) in behind
        where Double(nanoseconds) >= Crowd.leastPart * Double(sum) {
            masks.insert(observation.job.process(pid)?.allowed ?? all)
        }
        let cpus = masks.reduce(CPUList([])) { $0.union($1) }.intersection(all)
        let isAll = cpus.isEmpty || cpus == all
        func isWithin(_ mask: CPUList?) -> Bool {
            isAll || mask.map { $0.intersection(all).subtracting(cpus).isEmpty } ?? false
        }
        let processes = observation.job.processes
        self.cpus = isAll ? all : cpus
        pids = Set(processes.filter { isWithin($0.allowed) }.map(\.pid))
        others = processes.reduce(into: [:]) { others, process in
            for (tid, mask) in process.allowedByThread { others[tid] = isWithin(mask) }
        }
    }

    /// Whether the thread may use these CPUs alone.
    func holds(_ thread: ThreadActivity) -> Bool { others[thread.tid] ?? pids.contains(thread.pid) }

    /// Whether the process may use these CPUs alone.
    func holds(_ pid: Int32) -> Bool { pids.contains(pid) }
}
