import Host
import Rules
import Signals
import Training

/// One rank, pid 701, on the host of `Scheduling.eightCPUs`: node 0 has CPUs 0-3, node 1 has 4-7.
enum Placed {
    /// A launch thread that ran for `time` of the ten seconds, by node.
    static func thread(
        _ tid: Int32 = 701, pid: Int32 = 701, cpu: Int = 1, on time: [Int: UInt64]
    ) -> ThreadActivity {
        let running = time.values.reduce(0, +)
        var thread = Scheduling.thread(tid, pid: pid, cpu: cpu, [.running: running])
        thread.timeByNode = time
        return thread
    }

    static func memory(
        _ anonymous: [Int: UInt64], hugetlb: [Int: UInt64] = [:], policy: String? = nil
    ) -> MemoryPlacement {
        var memory = MemoryPlacement()
        memory.anonymous = anonymous
        memory.hugetlb = hugetlb
        let all = (Array(anonymous.values) + Array(hugetlb.values)).reduce(0, +)
        if let policy { memory.policies = [policy: all] }
        return memory
    }

    static func observation(
        _ threads: [ThreadActivity], memory: MemoryPlacement? = nil, allowed: CPUList? = nil,
        facts: HostFacts = Scheduling.eightCPUs(), groups: [CgroupActivity] = [],
        lines: [InterruptLine] = [Scheduling.quietLine], roles: [Int32: Role] = [701: .launch]
    ) -> Observation {
        var job = Scheduling.job(roles: roles)
        job.processes[0].memory = memory
        job.processes[0].allowed = allowed
        return Scheduling.observation(
            facts, job: job, threads: threads, lines: lines, groups: groups)
    }

    /// A thread that ran 60 % on node 0 and 40 % on node 1 and moved three times.
    static func drifter(moves: UInt64 = 3) -> ThreadActivity {
        var thread = thread(on: [0: .ms(4_200), 1: .ms(2_800)])
        thread.nodeMigrations = moves
        return thread
    }

    /// A control group of pid 701 with its own cpuset.
    static func group(_ cpus: String, path: String = "/job") -> CgroupActivity {
        var group = CgroupActivity(
            folder: "/sys/fs/cgroup\(path)", path: path, version: 2, pids: [701])
        group.cpus = CPUSet(effective: cpus)
        return group
    }
}
