package import Host
package import Signals

/// Learns who is watched while the watching goes on: processes come and go, and a mask of
/// allowed CPUs that changes is seen only by looking often.
package struct JobWatcher {
    /// Processes whose files are read; the rest of a fork storm is told by its threads alone.
    private static let mostProcesses = 4_096
    /// Threads whose allowed CPUs are looked at ten times a second, the busiest first.
    private static let mostThreads = 64

    /// Threads that are asked at once what they wait for: of all when roles are told, and of some
    /// at each reading, for most wait for different things in turn. 64 take 1 ms.
    private static let mostAsked = 1_024
    private static let askedAtOnce = 64

    private let host: Host
    private let scope: Job.Scope
    private let hasRemoteMemory: Bool
    /// Who computes on which GPU; what a driver tells may be added while the watching goes on.
    package var gpus: GPUTable
    private var processes: [Int32: ProcessFacts] = [:]
    private var busiest: [(pid: Int32, tid: Int32)] = []
    private var allowed: [Int32: CPUList] = [:]
    private var masks: [Int32: CPUList] = [:]
    private var steps = StepWatcher()
    /// Readings of the ledger until launch threads are known for good.
    private var readingsLeft = 4
    /// How far back is told of, ns; `nil`: everything since the start, for a look that ends.
    package var memoryNanoseconds: UInt64?
    private var changes: [AffinityChange] = []
    /// What threads were seen to wait to read from, by tid, and how many were asked so far.
    private var reading: [Int32: String] = [:]
    private var asked = 0
    /// Processes that were seen with a device open.
    private var withDevices: Set<Int32> = []
    /// Where the memory of processes was found last.
    private var memory: [Int32: MemoryPlacement] = [:]

    /// A mask of allowed CPUs that was seen to be another.
    private struct AffinityChange {
        var pid: Int32
        var tid: Int32
        /// CLOCK_MONOTONIC, ns.
        var at: UInt64
    }

    package init(
        on host: Host, scope: Job.Scope, topology: Topology = Topology(),
        gpus: GPUTable = GPUTable(), memoryNanoseconds: UInt64? = nil
    ) {
        self.memoryNanoseconds = memoryNanoseconds
        self.host = host
        self.scope = scope
        hasRemoteMemory = topology.nodesWithMemory.count > 1
        self.gpus = gpus
    }

    /// Takes note of processes that a reading of the ledger shows for the first time.
    package mutating func update(_ threads: Threads) {
        let alive = threads.threads.filter { !$0.hasExited && $0.pid > 0 }
        if let memoryNanoseconds {
            forget(all: threads.threads, before: growth(monotonicNanoseconds(), memoryNanoseconds))
        }
        for pid in Set(alive.map(\.pid)) where processes[pid] == nil {
            // A process that comes later may be a rank.
            readingsLeft = max(readingsLeft, 2)
            guard processes.count < Self.mostProcesses else { break }
            processes[pid] = ProcessFacts(reading: host.process(pid), pid: pid, gpus)
            if processes[pid]?.hasDeviceOpen == true { withDevices.insert(pid) }
        }
        busiest = alive.sorted { $0.awake > $1.awake }.prefix(Self.mostThreads)
            .map { ($0.pid, $0.tid) }
        followSteps(of: alive)
        askSome(of: alive)
    }

    /// Lets go of processes that the ledger has forgotten, and of what happened before `horizon`.
    private mutating func forget(all threads: [ThreadActivity], before horizon: UInt64) {
        let pids = Set(threads.lazy.map(\.pid))
        if processes.contains(where: { !pids.contains($0.key) }) {
            processes = processes.filter { pids.contains($0.key) }
        }
        let tids = Set(busiest.lazy.map(\.tid))
        allowed = allowed.filter { tids.contains($0.key) }
        masks = masks.filter { tids.contains($0.key) }
        for old in changes where old.at < horizon {
            processes[old.pid]?.affinityChanges[old.tid, default: 1] -= 1
        }
        changes.removeAll { $0.at < horizon }
        steps.forgetOthers()
        let all = Set(threads.lazy.map(\.tid))
        if reading.contains(where: { !all.contains($0.key) }) {
            reading = reading.filter { all.contains($0.key) }
        }
    }

    /// Launch threads, or main threads until something tells which those are.
    private mutating func followSteps(of alive: [ThreadActivity]) {
        guard scope == .processes, readingsLeft > 0 else { return }
        readingsLeft -= 1
        let roles = roles(
            of: Threads(threads: alive), in: Array(processes.values).withoutInheritedDevices)
        let launch = alive.filter { roles[$0.tid] == .launch }
        let threads = launch.isEmpty ? alive.filter { $0.tid == $0.pid } : launch
        steps.follow(threads.map { ($0.pid, $0.tid) }.sorted { $0.1 < $1.1 }, on: host)
    }

    /// Begins to look at rhythms anew; until that shows something, steps are as they were.
    package mutating func forgetSteps() { steps.beginAnew() }

    /// Looks at the rhythm of launch threads; to be called about every 20 ms, at no fixed pace, for
    /// a fixed one would not tell a short step from its multiples.
    package mutating func watchSteps() { steps.look() }

    /// Looks at the allowed CPUs of the busiest threads; to be called about ten times a second.
    package mutating func watchAffinity() {
        for (pid, tid) in busiest {
            // The file only where the kernel's own answer is another: reading it ten times a second
            // would cost more than all else.
            let mask = host.isCaptured ? nil : schedulingAffinity(of: tid)
            if let mask, masks[tid] == mask { continue }
            masks[tid] = mask
            guard let now = host.process(pid).thread(tid).status?.allowed else { continue }
            if let before = allowed[tid], before != now {
                processes[pid]?.affinityChanges[tid, default: 0] += 1
                if memoryNanoseconds != nil {
                    changes.append(
                        AffinityChange(pid: pid, tid: tid, at: monotonicNanoseconds()))
                }
            }
            allowed[tid] = now
            processes[pid]?.allowedByThread[tid] = now
        }
    }

    /// What is known now; `threads` is the ledger of the whole window. `placing`: looks for memory
    /// on hosts that have it in several places, which takes up to a quarter of a second; without,
    /// memory is where it was.
    package mutating func job(_ threads: Threads, placing: Bool = true) -> Job {
        var known = processes
        if scope == .processes {
            for pid in known.keys { known[pid]?.readUse(of: host.process(pid), gpus) }
            withDevices = Set(known.lazy.filter(\.value.hasDeviceOpen).map(\.key))
        }
        var job = Job(
            scope: scope,
            processes: known.values.sorted { $0.pid < $1.pid }.withoutInheritedDevices)
        if scope == .processes {
            for thread in helpers(of: threads.threads).prefix(Self.mostAsked) { ask(thread) }
            job.roles = roles(of: threads, in: job.processes, reading: reading)
        }
        let found = steps(of: threads, in: job)
        job.processes = job.processes.map { process in
            var process = process
            process.stepMilliseconds = found[process.pid]
            return process
        }
        guard hasRemoteMemory else { return job }
        if placing { memory = memoryPlacements(of: threads, roles: job.roles, on: host) }
        job.processes = job.processes.map { process in
            var process = process
            process.memory = memory[process.pid]
            return process
        }
        return job
    }

    /// Threads beside the main one of processes that have a device open.
    private func helpers(of threads: [ThreadActivity]) -> [ThreadActivity] {
        guard !withDevices.isEmpty else { return [] }
        return threads.filter {
            !$0.hasExited && $0.tid != $0.pid && withDevices.contains($0.pid)
        }
    }

    private mutating func askSome(of alive: [ThreadActivity]) {
        guard scope == .processes else { return }
        let helpers = helpers(of: alive)
        guard !helpers.isEmpty else { return }
        for place in 0..<min(Self.askedAtOnce, helpers.count) {
            ask(helpers[(asked &+ place) % helpers.count])
        }
        asked = (asked &+ Self.askedAtOnce) % helpers.count
    }

    /// What a thread waited for once it may wait for again: a later answer of none changes nothing.
    private mutating func ask(_ thread: ThreadActivity) {
        guard let file = host.process(thread.pid).thread(thread.tid).waitsToRead else { return }
        reading[thread.tid] = file
    }

    /// Step times of ranks, by pid, where those that train together agree, and none of them is
    /// held up in bouts that would set the pace of all.
    private func steps(of threads: Threads, in job: Job) -> [Int32: Double] {
        var groups: [String: [Int32: Double]] = [:]
        var heldUp: Set<String> = []
        for thread in threads.threads where job.role(thread.tid) == .launch {
            let group = job.group(of: thread.pid)
            if steps.isHeldUpInBouts(thread.tid) { heldUp.insert(group) }
            guard let step = steps.stepMilliseconds(of: thread.tid) else { continue }
            groups[group, default: [:]][thread.pid] = step
        }
        for group in heldUp { groups[group] = nil }
        return groups.values.reduce(into: [:]) { all, steps in
            all.merge(agreedSteps(steps)) { first, _ in first }
        }
    }
}

extension ProcessFacts {
    /// `nil` when the process is gone already.
    package init?(reading files: ProcessFiles, pid: Int32, _ gpus: GPUTable = GPUTable()) {
        guard let stat = files.stat else { return nil }
        self.init(
            pid: pid, parent: stat.parent, name: stat.name, command: files.command ?? stat.name)
        let status = files.status
        user = status?.user
        allowed = status?.allowed
        allowedNodes = status?.allowedNodes?.cpus
        cgroups = files.cgroups ?? [:]
        note(gpus.use(by: pid, files))
        executable = files.executable
        stackStart = stat.stackStart
        let environment = files.environment ?? [:]
        rank = JobIdentity.rank(environment)
        identity = JobIdentity(groups: cgroups, environment: environment)
        ompThreads = environment["OMP_NUM_THREADS"].flatMap { Int($0) }
    }

    /// Reads how much of its limits the process uses; what was read before stays if it is gone.
    package mutating func readUse(of files: ProcessFiles, _ gpus: GPUTable = GPUTable()) {
        note(gpus.use(by: pid, files))
        guard let limits = files.limits else { return }
        openFiles = files.openFiles
        openFilesLimit = limits.openFiles
        lockedLimit = limits.lockedBytes
        mappings = files.mappings
    }

    /// A process keeps what it once used: at its end the files are closed.
    private mutating func note(_ use: DeviceUse?) {
        guard let use else { return }
        computesOnGPU = computesOnGPU || use.computes
        hasDeviceOpen = hasDeviceOpen || use.computes || use.hasFabric
        hasGDRCopy = hasGDRCopy || use.hasGDRCopy
        if !use.gpus.isEmpty { gpus = use.gpus }
        if let now = use.pipes { pipes = (pipes ?? []).union(now) }
    }
}
