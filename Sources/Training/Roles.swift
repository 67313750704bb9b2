package import Signals

/// A process at work: below this share of one CPU it only launches or supervises. Judgement.
private let activeShare = 0.01
/// A rank is there for at least this part of the time; what comes and goes is its helper.
private let lastingShare = 0.1
/// Wake-ups a second that make a main thread the one that drives a device, whatever little CPU
/// time it needs. Judgement: steps of training launch work at least this often.
private let drivingWakeups = 20.0
/// Yields a second of a polling communication thread (NCCL's proxy yields whenever it is idle).
private let pollingYields = 100.0
/// Share of its time blocked in writing that makes a thread a checkpoint writer. Judgement.
private let writerShare = 0.2

/// Roles of threads, told by what they do. A process that opens a device, or the first one down
/// the process tree that works, is a rank; what it starts are its loaders. `reading` is what threads
/// wait to read from, by tid: who waits for events of an RDMA adapter communicates, and who waits
/// for what a loader hands over pins memory.
package func roles(
    of threads: Threads, in processes: [ProcessFacts], reading: [Int32: String] = [:]
) -> [Int32: Role] {
    let byProcess = Dictionary(grouping: threads.threads.filter { $0.pid > 0 }, by: \.pid)
    // A process that ended before its files were read is told by its threads alone.
    var parents = byProcess.compactMapValues { $0.first?.parent }
    for process in processes { parents[process.pid] = process.parent }
    let known = Dictionary(processes.map { ($0.pid, $0) }, uniquingKeysWith: { first, _ in first })
    let ranks = rankProcesses(byProcess, processes, parents)
    let fromLoaders = handovers(processes, ranks, parents, known)
    var roles: [Int32: Role] = [:]
    for (pid, members) in byProcess {
        if ranks.contains(pid) {
            let launch = launchThread(members, pid)
            let handedOver = fromLoaders[pid] ?? []
            for thread in members {
                let source = reading[thread.tid] ?? ""
                roles[thread.tid] =
                    thread.tid == launch
                    ? .launch
                    : source == "anon_inode:[infinibandevent]"
                        ? .nccl
                        : handedOver.contains(source) ? .pinMemory : role(inRank: thread)
            }
        } else if descends(pid, from: ranks, parents), !isStranger(pid, ranks, parents, known) {
            for thread in members { roles[thread.tid] = isWriter(thread) ? .checkpoint : .loader }
        }
    }
    return roles
}

private func share(_ nanoseconds: UInt64, _ thread: ThreadActivity) -> Double {
    thread.time.total > 0 ? Double(nanoseconds) / Double(thread.time.total) : 0
}

private func perSecond(_ count: UInt64, _ thread: ThreadActivity) -> Double {
    thread.time.total > 0 ? Double(count) * 1e9 / Double(thread.time.total) : 0
}

/// On a CPU or wanting one: what an obstructed thread would do if it could.
private func demand(_ thread: ThreadActivity) -> UInt64 {
    thread.time[.running] + thread.time[.waiting] + thread.time[.throttled]
        + thread.time[.reclaim]
}

private func rankProcesses(
    _ threads: [Int32: [ThreadActivity]], _ processes: [ProcessFacts], _ parents: [Int32: Int32]
) -> Set<Int32> {
    for evidence in [\ProcessFacts.computesOnGPU, \.hasDeviceOpen] {
        let found = processes.filter { $0[keyPath: evidence] }.map(\.pid)
        guard found.isEmpty else { return Set(found) }
    }
    let longest = threads.values.joined().map(\.time.total).max() ?? 0
    let active = Set(
        threads.filter { entry in
            let seen = entry.value.map(\.time.total).max() ?? 0
            return Double(seen) >= Double(longest) * lastingShare
                && entry.value.reduce(0) { $0 + share(demand($1), $1) } >= activeShare
        }.keys)
    return active.filter { !descends($0, from: active, parents) }
}

/// Whether an ancestor of the process is one of `others`.
private func descends(
    _ pid: Int32, from others: Set<Int32>, _ parents: [Int32: Int32]
) -> Bool {
    nearest(above: pid, others, parents) != nil
}

/// The nearest ancestor of the process that is one of `others`.
private func nearest(
    above pid: Int32, _ others: Set<Int32>, _ parents: [Int32: Int32]
) -> Int32? {
    var seen: Set<Int32> = []
    var ancestor = parents[pid]
    while let current = ancestor, current > 1, seen.insert(current).inserted {
        if others.contains(current) { return current }
        ancestor = parents[current]
    }
    return nil
}

/// Whether a process below a rank is another program that shares no pipe with it: a tool that it
/// started, not a worker that feeds it. What cannot be seen is no evidence.
private func isStranger(
    _ pid: Int32, _ ranks: Set<Int32>, _ parents: [Int32: Int32], _ known: [Int32: ProcessFacts]
) -> Bool {
    guard let rank = known[nearest(above: pid, ranks, parents) ?? 0], let process = known[pid],
        let program = process.executable, let own = rank.executable,
        let pipes = process.pipes, let shared = rank.pipes
    else { return false }
    return program != own && pipes.isDisjoint(with: shared)
}

/// Pipes, named as the kernel names them, that a rank shares with a process it started.
private func handovers(
    _ processes: [ProcessFacts], _ ranks: Set<Int32>, _ parents: [Int32: Int32],
    _ known: [Int32: ProcessFacts]
) -> [Int32: Set<String>] {
    var pipes: [Int32: Set<String>] = [:]
    for process in processes where !ranks.contains(process.pid) {
        guard let own = process.pipes, let rank = nearest(above: process.pid, ranks, parents),
            let shared = known[rank]?.pipes?.intersection(own)
        else { continue }
        pipes[rank, default: []].formUnion(shared.map { "pipe:[\($0)]" })
    }
    return pipes
}

/// The main thread where it works or wakes often, else the busiest.
private func launchThread(_ threads: [ThreadActivity], _ pid: Int32) -> Int32? {
    if let main = threads.first(where: { $0.tid == pid }),
        share(demand(main), main) >= activeShare
            || perSecond(main.voluntarySwitches, main) >= drivingWakeups
    {
        return main.tid
    }
    return threads.max { demand($0) < demand($1) }?.tid
}

private func role(inRank thread: ThreadActivity) -> Role {
    // Names that PyTorch gives its own threads, and NCCL where it is told to.
    if thread.name.hasPrefix("pt_autograd") { return .autograd }
    if thread.name.hasPrefix("pt_data_pin") { return .pinMemory }
    if thread.name.hasPrefix("pt_data_worker") { return .loader }
    if thread.name.hasPrefix("NCCL") || perSecond(thread.yields, thread) >= pollingYields {
        return .nccl
    }
    return isWriter(thread) ? .checkpoint : .other
}

private func isWriter(_ thread: ThreadActivity) -> Bool {
    share(thread.writing, thread) >= writerShare
}
