package import Host

/// What is watched, and what is known of it apart from its counters.
package struct Job: Sendable, Equatable {
    package enum Scope: String, Sendable, Codable {
        /// Processes that were named, or found to train, and their descendants.
        case processes
        /// No training process was found: every user process of the host.
        case host
    }

    package var scope: Scope
    package var processes: [ProcessFacts] { didSet { index = Self.index(of: processes) } }
    /// Roles by tid; threads that are not listed are `other`.
    package var roles: [Int32: Role]
    /// How the processes were found; `nil` where they were named.
    package var search: TrainingSearch?
    /// Places in `processes` by pid: rules ask for the process of each of thousands of threads.
    private var index: [Int32: Int]

    package init(
        scope: Scope = .processes, processes: [ProcessFacts] = [], roles: [Int32: Role] = [:]
    ) {
        self.scope = scope
        self.processes = processes
        self.roles = roles
        index = Self.index(of: processes)
    }

    package func role(_ tid: Int32) -> Role { roles[tid] ?? .other }

    package func process(_ pid: Int32) -> ProcessFacts? { index[pid].map { processes[$0] } }

    /// Processes with the same one train together: they belong to the same batch job or pod, else
    /// the same user runs the same program. Ranks of a job differ in arguments, and may each have
    /// a control group.
    package func group(of pid: Int32) -> String {
        guard let process = process(pid) else { return "" }
        if let group = process.identity.group { return group }
        let words = process.command.split(separator: " ").dropFirst()
        let script = words.first { !$0.hasPrefix("-") } ?? ""
        return "\(process.user ?? 0) \(process.executable ?? process.name) \(script)"
    }

    /// Times that the allowed CPUs of a thread changed. A process is large: this copies none.
    package func affinityChanges(of tid: Int32, in pid: Int32) -> Int {
        index[pid].flatMap { processes[$0].affinityChanges[tid] } ?? 0
    }

    private static func index(of processes: [ProcessFacts]) -> [Int32: Int] {
        Dictionary(
            zip(processes.map(\.pid), processes.indices), uniquingKeysWith: { first, _ in first })
    }
}

extension Job: Codable {
    private enum Key: CodingKey { case scope, processes, roles, search }

    package init(from decoder: any Decoder) throws {
        let job = try decoder.container(keyedBy: Key.self)
        self.init(
            scope: try job.decode(Scope.self, forKey: .scope),
            processes: try job.decode([ProcessFacts].self, forKey: .processes),
            roles: try job.decode([Int32: Role].self, forKey: .roles))
        search = try job.decodeIfPresent(TrainingSearch.self, forKey: .search)
    }

    package func encode(to encoder: any Encoder) throws {
        var job = encoder.container(keyedBy: Key.self)
        try job.encode(scope, forKey: .scope)
        try job.encode(processes, forKey: .processes)
        try job.encode(roles, forKey: .roles)
        try job.encodeIfPresent(search, forKey: .search)
    }
}

/// What a thread does for training, told by evidence.
package enum Role: String, Sendable, Codable, CaseIterable {
    case launch, loader, pinMemory = "pin-memory", autograd, nccl, checkpoint, other
}

extension Role {
    /// The number by which the probe tells it from others; 0 is `other`.
    package var number: Int {
        switch self {
        case .other: 0
        case .launch: 1
        case .loader: 2
        case .pinMemory: 3
        case .autograd: 4
        case .nccl: 5
        case .checkpoint: 6
        }
    }
}

/// A watched process as /proc describes it.
package struct ProcessFacts: Sendable, Equatable, Codable {
    package var pid: Int32
    package var parent: Int32
    /// comm of the main thread, not escaped.
    package var name: String
    /// The command line, words joined by blanks, not escaped.
    package var command: String
    package var user: UInt32?
    /// Path in each hierarchy, by controller name; the v2 path under "".
    package var cgroups: [String: String] = [:]
    /// CPUs that the main thread may run on.
    package var allowed: CPUList?
    /// CPUs that single threads may run on, where they differ or were read.
    package var allowedByThread: [Int32: CPUList] = [:]
    /// Times that the allowed CPUs of one of its threads changed in the window, by tid.
    package var affinityChanges: [Int32: Int] = [:]
    /// Nodes that the main thread's memory may come from.
    package var allowedNodes: [Int]?
    /// Where its memory lies; `nil` on hosts of one node, and where it could not be read.
    package var memory: MemoryPlacement?
    package var openFiles: UInt64?
    package var openFilesLimit: UInt64?
    /// Bytes; `nil` limit: unlimited.
    package var lockedLimit: UInt64?
    package var mappings: UInt64?
    package var rank: Int?
    package var identity = JobIdentity()
    /// OMP_NUM_THREADS of its environment.
    package var ompThreads: Int?
    /// It computes on a GPU, or has an RDMA adapter open.
    package var hasDeviceOpen = false
    /// It computes on a GPU: told by what it has open and mapped, or by the GPU's driver.
    package var computesOnGPU = false
    /// PCI addresses of the GPUs that it computes on, sorted.
    package var gpus: [String] = []
    /// It has loaded the library of GDRCopy; told only of what has a GPU open.
    package var hasGDRCopy = false
    /// The program that it runs; `nil` when it may not be seen.
    package var executable: String?
    /// Where its stack begins; that of a fork begins where its parent's does.
    package var stackStart: UInt64?
    /// Inodes of its pipes, standard streams left out; `nil` when they may not be seen.
    package var pipes: Set<UInt64>?
    /// Time of a training step, told by the rhythm of its launch thread; `nil` unless it is clear.
    package var stepMilliseconds: Double?

    package init(pid: Int32, parent: Int32 = 1, name: String, command: String = "") {
        self.pid = pid
        self.parent = parent
        self.name = name
        self.command = command
    }
}
