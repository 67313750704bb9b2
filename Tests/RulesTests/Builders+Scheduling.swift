import Host
import Rules
import Signals
import Training

/// Ten seconds, in ns: the window of the scheduling rules' tests.
let tenSeconds: UInt64 = 10_000_000_000

extension UInt64 {
    /// Milliseconds as ns.
    static func ms(_ count: UInt64) -> UInt64 { count * 1_000_000 }
}

enum Scheduling {
    /// CPUs 0-3 on node 0 and 4-7 on node 1, two hardware threads to a core (0 and 1, 2 and 3 …),
    /// one last-level cache to a node.
    static func eightCPUs() -> HostFacts {
        var facts = HostFacts()
        facts.topology.online = CPUList(0..<8)
        facts.topology.cpus = (0..<8).map { id in
            var cpu = CPUFacts(id: id)
            cpu.core = id / 2
            cpu.node = id / 4
            cpu.lastLevelCache = id / 4 * 4
            cpu.siblings = CPUList([id / 2 * 2, id / 2 * 2 + 1])
            return cpu
        }
        facts.topology.nodes = [0, 1].map { node in
            NodeFacts(
                id: node, cpus: CPUList(node * 4..<node * 4 + 4), memoryBytes: 1 << 30,
                distances: [10, 21])
        }
        facts.settings.clocksource = "tsc"
        return facts
    }

    static func twoCPUs() -> HostFacts {
        var facts = HostFacts()
        facts.topology.online = CPUList(0..<2)
        facts.topology.cpus = [CPUFacts(id: 0), CPUFacts(id: 1)]
        facts.settings.clocksource = "kvm-clock"
        return facts
    }

    /// A thread that is seen for all of the ten seconds: what is not listed is sleep.
    static func thread(
        _ tid: Int32, pid: Int32 = 701, cpu: Int = 5, name: String = "python",
        _ times: [ThreadState: UInt64] = [:]
    ) -> ThreadActivity {
        var thread = ThreadActivity(tid: tid, pid: pid, name: name)
        thread.cpu = cpu
        thread.time = StateTimes(times)
        thread.time[.sleeping] = tenSeconds - thread.time.total
        return thread
    }

    static func wait(
        _ tid: Int32, behind id: Int32, _ name: String, _ nanoseconds: UInt64,
        kind: Culprit.Kind = .process, cgroup: String? = nil
    ) -> Wait {
        Wait(
            tid: tid, culprit: Culprit(kind: kind, id: id, name: name, cgroup: cgroup),
            nanoseconds: nanoseconds)
    }

    /// One rank, pid 701, whose thread 701 launches; further processes by pid.
    static func job(_ others: Int32..., roles: [Int32: Role] = [701: .launch]) -> Job {
        Job(
            processes: [ProcessFacts(pid: 701, name: "python")]
                + others.map { ProcessFacts(pid: $0, parent: 701, name: "python") },
            roles: roles)
    }

    static func observation(
        _ facts: HostFacts = eightCPUs(), job: Job = job(), threads: [ThreadActivity] = [],
        waits: [Wait] = [], lines: [InterruptLine] = [quietLine], soft: SoftIRQs = quietSoft,
        groups: [CgroupActivity] = [], cpus: [CPUActivity] = []
    ) -> Observation {
        var readings = Readings()
        readings[Threads.self] = .success(Threads(threads: threads, waits: waits))
        readings[Interrupts.self] = .success(Interrupts(lines: lines))
        readings[SoftIRQs.self] = .success(soft)
        readings[Cgroups.self] = .success(Cgroups(groups: groups))
        readings[CPUs.self] = .success(CPUs(cpus: cpus))
        return Observation(
            facts: facts, job: job, whole: Window(nanoseconds: tenSeconds, change: readings))
    }

    static let quietLine = InterruptLine(
        label: "LOC", name: "Local timer interrupts", nanoseconds: [UInt64](repeating: 7, count: 8))
    static let quietSoft = SoftIRQs(lines: [
        SoftIRQLine(name: "TIMER", counts: [], nanoseconds: [UInt64](repeating: 7, count: 8))
    ])

    /// A window of one second with the given waits.
    static func second(_ waits: [Wait]) -> Window {
        var readings = Readings()
        readings[Threads.self] = .success(Threads(waits: waits))
        return Window(nanoseconds: 1_000_000_000, change: readings)
    }

    /// `value` at one CPU of eight.
    static func at(_ cpu: Int, _ value: UInt64) -> [UInt64] {
        (0..<8).map { $0 == cpu ? value : 0 }
    }
}
