package import Host

/// One process, and where its threads are at this moment.
package struct ProcessPlacement: Sendable, Equatable {
    package var facts: ProcessFacts
    package var threads: [ThreadPlacement]

    package init(facts: ProcessFacts, threads: [ThreadPlacement]) {
        self.facts = facts
        self.threads = threads
    }

    /// `nil` when the process is gone already.
    package init?(reading files: ProcessFiles, pid: Int32, _ gpus: GPUTable = GPUTable()) {
        guard let facts = ProcessFacts(reading: files, pid: pid, gpus) else { return nil }
        self.facts = facts
        threads = files.threads.compactMap { ThreadPlacement(reading: files.thread($0)) }
    }
}

package struct ThreadPlacement: Sendable, Equatable {
    package var tid: Int32
    /// comm, not escaped.
    package var name: String
    /// The CPU that it runs on, or ran on last.
    package var cpu: Int?
    package var allowed: CPUList?

    package init(tid: Int32, name: String, cpu: Int?, allowed: CPUList?) {
        self.tid = tid
        self.name = name
        self.cpu = cpu
        self.allowed = allowed
    }

    /// `nil` when the thread is gone already.
    init?(reading files: ProcessFiles) {
        guard let stat = files.stat else { return nil }
        self.init(tid: stat.id, name: stat.name, cpu: stat.cpu, allowed: files.status?.allowed)
    }
}

/// Processes that compute on a GPU or have an RDMA adapter open, and how many could not be asked.
package func deviceUsers(on host: Host, _ gpus: GPUTable = GPUTable()) -> (
    pids: Set<Int32>, refused: Int
) {
    var users: (pids: Set<Int32>, refused: Int) = ([], 0)
    for pid in host.pids {
        let files = host.process(pid)
        guard let use = gpus.use(by: pid, files) else {
            // Kernel threads have no command line and nothing open; what ended has refused nothing.
            if files.command?.isEmpty == false { users.refused += 1 }
            continue
        }
        if use.computes || use.hasFabric { users.pids.insert(pid) }
    }
    return users
}
