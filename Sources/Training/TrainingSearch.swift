package import Host

/// Descriptors of all processes together that are looked at. Judgement: half a second at most.
private let mostDescriptors = 200_000
/// A process that needed less of a CPU since its start, and nothing while it was looked at twice,
/// does not train: a notebook that keeps its GPU, a server without clients. Judgement.
private let leastShare = 0.001

/// Processes that train, found without being told, and what else had a GPU open.
package struct TrainingSearch: Sendable, Equatable, Codable {
    package enum Reason: String, Sendable, Codable {
        /// It asks or draws: it lacks what a program needs to compute on a GPU.
        case noContext = "no-context"
        /// It could compute and does nothing.
        case idle
    }

    package struct Bystander: Sendable, Equatable, Codable {
        package var pid: Int32
        /// comm, not escaped.
        package var name: String
        package var reason: Reason

        package init(pid: Int32, name: String, reason: Reason) {
            self.pid = pid
            self.name = name
            self.reason = reason
        }
    }

    package var ranks: Set<Int32> = []
    package var bystanders: [Bystander] = []
    /// Processes that did not let their open files be seen.
    package var refused = 0
    /// There were too many open files to look at all.
    package var isPartial = false

    package init() {}
}

/// Looks at every process once, and after `pause` again at those that seem to do nothing.
package func searchForTraining(
    on host: Host, _ gpus: GPUTable, pause: () -> Void
) -> TrainingSearch {
    var search = TrainingSearch()
    var quiet: [Int32: UInt64] = [:]
    var users: [Int32: (parent: Int32, stackStart: UInt64?)] = [:]
    var left = mostDescriptors
    let uptime = host.uptimeTicks
    for pid in host.pids {
        let files = host.process(pid)
        guard left > 0 else {
            search.isPartial = true
            break
        }
        guard let use = gpus.use(by: pid, files) else {
            // Kernel threads have no command line and nothing open; what ended has refused nothing.
            if files.command?.isEmpty == false { search.refused += 1 }
            continue
        }
        left -= use.descriptors
        guard use.computes else {
            if use.hasGPUOpen { search.leaveOut(pid, files, .noContext) }
            continue
        }
        search.ranks.insert(pid)
        guard let stat = files.stat else { continue }
        users[pid] = (stat.parent, stat.stackStart)
        if !stat.hasWorked(until: uptime) { quiet[pid] = stat.ticks }
    }
    // Loaders are watched as descendants.
    for pid in forks(users) {
        search.ranks.remove(pid)
        quiet[pid] = nil
    }
    guard !quiet.isEmpty else { return search }
    pause()
    search.leaveOut(stillQuiet: quiet, on: host)
    return search
}

extension TrainingSearch {
    /// Those whose CPU time has not grown.
    fileprivate mutating func leaveOut(stillQuiet quiet: [Int32: UInt64], on host: Host) {
        for (pid, before) in quiet.sorted(by: { $0.key < $1.key }) {
            let files = host.process(pid)
            guard let now = files.stat?.ticks, now <= before else { continue }
            ranks.remove(pid)
            leaveOut(pid, files, .idle)
        }
    }

    fileprivate mutating func leaveOut(_ pid: Int32, _ files: ProcessFiles, _ reason: Reason) {
        bystanders.append(Bystander(pid: pid, name: files.name ?? "", reason: reason))
    }
}

extension ProcessStat {
    fileprivate var ticks: UInt64 { userTicks &+ systemTicks }

    /// Whether its CPU time is worth the time that it is there.
    fileprivate func hasWorked(until now: UInt64?) -> Bool {
        guard let now, now > startTicks else { return true }
        return Double(ticks) >= Double(now - startTicks) * leastShare
    }
}

extension Host {
    /// Ticks since boot; `nil` when it cannot be read.
    fileprivate var uptimeTicks: UInt64? {
        let seconds = line("/proc/uptime").flatMap { $0.split(separator: " ").first }
            .flatMap { Double($0) }
        guard let seconds, seconds >= 0, seconds < 1e9 else { return nil }
        return UInt64(seconds * Double(Self.ticksPerSecond))
    }
}
