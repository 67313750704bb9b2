import Host
import Signals
import Training

/// Control groups of the job that hit a memory limit of their own, and what that cost whom.
struct MemcgPressure: Sendable {
    struct Group: Sendable {
        var group: CgroupActivity
        var memory: MemoryControl
        /// Watched threads of the group.
        var threads: [ThreadActivity]
        /// The threads' reads are, for the most part, reads of pages that the limit threw out.
        var explainsReads: Bool
    }

    static let perMinute = Limit(
        20, "ms/min", source: "judgement: 0.03 % of wall, in single long gaps")
    static let pressure = Limit(5, "%", source: "judgement: a twentieth of the group's time")
    static let readShare = Limit(50, "%", source: "judgement: most of what was read")
    static let pageBytes: UInt64 = 4096

    var groups: [Group] = []

    init(_ observation: Observation, _ threads: Threads) {
        guard let cgroups = observation.optional(Cgroups.self) else { return }
        let limited = cgroups.groups.filter { Self.ownEvents($0, among: cgroups.groups) > 0 }
        // A thread belongs to the deepest group that has it.
        var taken: Set<Int32> = []
        let read = Self.bytesRead(observation)
        for group in limited.sorted(by: { $0.path.utf8.count > $1.path.utf8.count }) {
            guard let memory = group.memory else { continue }
            let members = threads.threads.filter {
                group.pids.contains($0.pid) && !taken.contains($0.tid)
            }
            taken.formUnion(members.map(\.tid))
            let refaulted = Double(memory.fileRefaults) * Double(Self.pageBytes)
            let explains = read > 0 && Self.readShare.isReached(by: 100 * refaulted / Double(read))
            groups.append(
                Group(group: group, memory: memory, threads: members, explainsReads: explains))
        }
    }

    /// Whether the thread is in a group that hit its limit.
    func holds(_ thread: ThreadActivity) -> Bool {
        groups.contains { $0.threads.contains { $0.tid == thread.tid } }
    }

    /// The part of the thread's reads that a limit explains, ns.
    func explainedReads(_ thread: ThreadActivity) -> UInt64 {
        let explained = groups.contains {
            $0.explainsReads && $0.threads.contains { $0.tid == thread.tid }
        }
        return explained ? thread.reading : 0
    }

    /// Events of a limit that the group itself has. Version 2 counts a child's events in all
    /// its parents as well; those are taken off.
    private static func ownEvents(_ group: CgroupActivity, among all: [CgroupActivity]) -> UInt64 {
        let events = configuredEvents(group)
        guard group.version == 2 else { return events }
        let below = all.filter {
            $0.version == 2 && $0.path != group.path && configuredEvents($0) > 0
                && $0.path.hasPrefix(group.path == "/" ? "/" : group.path + "/")
        }
        let nearest = below.filter { child in
            !below.contains { $0.path != child.path && child.path.hasPrefix($0.path + "/") }
        }
        return growth(events, nearest.reduce(0) { $0 &+ configuredEvents($1) })
    }

    private static func configuredEvents(_ group: CgroupActivity) -> UInt64 {
        guard let memory = group.memory else { return 0 }
        return (memory.limit == nil ? 0 : memory.limitEvents)
            &+ (memory.high == nil ? 0 : memory.highEvents)
    }

    /// Bytes that the host's disks delivered; stacked devices may count some twice.
    private static func bytesRead(_ observation: Observation) -> UInt64 {
        if let disks = observation.optional(Disks.self) {
            return disks.disks.reduce(0) { $0 &+ $1.readBytes }
        }
        let kibibytes = observation.optional(VirtualMemory.self)?["pgpgin"] ?? 0
        return kibibytes &* 1024
    }
}

extension ThreadActivity {
    /// The part of `io` that was not writing, ns.
    var reading: UInt64 { time[.io] >= writing ? time[.io] - writing : 0 }
}
