package import Host
package import Signals

/// Processes whose memory is looked for, and the time for all of them: what is read once at the
/// end of a diagnosis must neither take long nor hold up the job. Judgement.
private let mostProcesses = 64
private let longestTime: UInt64 = 250_000_000

/// Where the memory of processes lies, by pid: ranks first, then those that ran most, for memory
/// far away costs nothing to a process that sleeps. Left out are the ones that are gone, that may
/// not be read, or whose turn did not come.
package func memoryPlacements(
    of threads: Threads, roles: [Int32: Role], on host: Host,
    clock: () -> UInt64 = monotonicNanoseconds
) -> [Int32: MemoryPlacement] {
    let order = placementOrder(threads, roles)
    return memoryPlacements(of: order.pids, ranks: order.ranks, on: host, clock: clock)
}

/// The same for `pids` in their order; the first `ranks` of them share the time evenly.
package func memoryPlacements(
    of pids: [Int32], ranks: Int, on host: Host, clock: () -> UInt64 = monotonicNanoseconds
) -> [Int32: MemoryPlacement] {
    let deadline = clock() + longestTime
    var found: [Int32: MemoryPlacement] = [:]
    for (index, pid) in pids.prefix(mostProcesses).enumerated() {
        let now = clock()
        guard now < deadline else { break }
        // One huge rank must not leave nothing to the others.
        let left = UInt64(max(1, min(ranks, mostProcesses) - index))
        let end = now + (deadline - now) / left
        found[pid] = host.process(pid).memoryPlacement { clock() >= end }
    }
    return found
}

/// Processes in the order in which they are read, and how many of them are ranks.
private func placementOrder(
    _ threads: Threads, _ roles: [Int32: Role]
) -> (pids: [Int32], ranks: Int) {
    var ran: [Int32: UInt64] = [:]
    var ranks: Set<Int32> = []
    for thread in threads.threads where !thread.hasExited && thread.pid > 0 {
        ran[thread.pid, default: 0] &+= thread.time[.running]
        if roles[thread.tid] == .launch { ranks.insert(thread.pid) }
    }
    let pids = ran.sorted { left, right in
        let ahead = (ranks.contains(left.key), ranks.contains(right.key))
        guard ahead.0 == ahead.1 else { return ahead.0 }
        return left.value == right.value ? left.key < right.key : left.value > right.value
    }
    return (pids.map(\.key), ranks.count)
}
