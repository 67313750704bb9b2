import Host
import Signals
import Training

/// The watched processes with their threads, processes that the job knows first.
func training(_ observation: Observation, _ threads: Threads?) -> [JSON] {
    let job = observation.job
    let byPid = Dictionary(grouping: threads?.threads ?? [], by: \.pid)
    let waits = Dictionary(grouping: threads?.waits ?? [], by: \.tid)
    let known = Set(job.processes.map(\.pid))
    let unknown = byPid.keys.filter { !known.contains($0) }.sorted().map { pid in
        ProcessFacts(pid: pid, parent: 0, name: "")
    }
    return (job.processes + unknown).map { process in
        .object([
            ("pid", JSON(process.pid)),
            ("command", .string(process.command.isEmpty ? process.name : process.command)),
            ("rank", process.rank.map { JSON($0) } ?? .null),
            ("identity", identity(process.identity)),
            ("gpus", JSON(process.gpus)),
            ("numaNode", node(process, observation.facts).map { JSON($0) } ?? .null),
            ("stepMilliseconds", JSON(process.stepMilliseconds)),
            ("memory", process.memory.map(memory) ?? .null),
            (
                "threads",
                .array((byPid[process.pid] ?? []).map { thread($0, job, waits[$0.tid] ?? []) })
            ),
        ])
    }
}

/// Every process of the host with the sum of its threads, the busiest first.
func processes(_ observation: Observation, _ threads: Threads?) -> [JSON] {
    let known = observation.job.processes
    let commands = Dictionary(known.map { ($0.pid, $0.command) }) { first, _ in first }
    return processSums(threads?.threads ?? [], observation.job).map { sum in
        .object([
            ("pid", JSON(sum.pid)),
            ("name", .string(sum.name)),
            ("command", .string(commands[sum.pid] ?? "")),
            ("threads", JSON(sum.threads)),
            ("seconds", seconds(sum.time)),
        ])
    }
}

/// What each CPU's time went to.
func cpus(_ observation: Observation) -> [JSON] {
    guard let cpus = try? observation.whole(CPUs.self) else { return [] }
    return cpus.cpus.map { cpu in
        .object([
            ("id", JSON(cpu.id)),
            (
                "seconds",
                .object([
                    ("watched", JSON(seconds: cpu.watched)),
                    ("other", JSON(seconds: cpu.other)),
                    ("kernel", JSON(seconds: cpu.kernel)),
                    ("irq", JSON(seconds: cpu.irq)),
                    ("softirq", JSON(seconds: cpu.softirq)),
                    ("idle", JSON(seconds: cpu.idle)),
                    ("steal", JSON(seconds: cpu.steal)),
                ])
            ),
        ])
    }
}

private func thread(_ thread: ThreadActivity, _ job: Job, _ waits: [Wait]) -> JSON {
    .object([
        ("tid", JSON(thread.tid)),
        ("name", .string(thread.name)),
        ("role", .string(job.role(thread.tid).rawValue)),
        ("exited", .bool(thread.hasExited)),
        ("cpu", JSON(thread.cpu)),
        ("seconds", seconds(thread.time)),
        ("secondsByNode", secondsByNode(thread)),
        ("mmapLockSeconds", JSON(seconds: thread.mmapLock)),
        ("minorFaults", JSON(thread.minorFaults)),
        ("majorFaults", JSON(thread.majorFaults)),
        ("preemptions", JSON(thread.preemptions)),
        ("yields", JSON(thread.yields)),
        ("voluntarySwitches", JSON(thread.voluntarySwitches)),
        ("migrations", JSON(thread.migrations)),
        ("nodeMigrations", JSON(thread.nodeMigrations)),
        ("waits", .array(waits.sorted { $0.nanoseconds > $1.nanoseconds }.map(wait))),
    ])
}

private func wait(_ wait: Wait) -> JSON {
    .object([
        ("kind", .string(wait.culprit.kind.rawValue)),
        ("id", JSON(wait.culprit.id)),
        ("name", .string(wait.culprit.name)),
        ("cgroup", JSON(wait.culprit.cgroup)),
        ("seconds", JSON(seconds: wait.nanoseconds)),
    ])
}

private func seconds(_ time: StateTimes) -> JSON {
    .object(ThreadState.allCases.map { ($0.name, JSON(seconds: time[$0])) })
}

/// The memory node whose CPUs hold all that the process may use; `nil` where there is no such one.
private func node(_ process: ProcessFacts, _ facts: HostFacts) -> Int? {
    guard let allowed = process.allowed, !allowed.isEmpty else { return nil }
    return facts.topology.nodes.first { allowed.subtracting($0.cpus).isEmpty }?.id
}
