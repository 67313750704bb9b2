import Host
import Signals
import Training

extension Rule {
    package static let cpusetTooSmall = Rule(
        id: "cpuset-too-small", cause: .cpuOversubscription, ceiling: .critical,
        title: "The job may use fewer CPUs than it needs, while the host has more",
        explanation: Explanation(
            what: """
                A cpuset or an affinity mask, set by Slurm, Docker, Kubernetes or taskset, names \
                the CPUs that a job may run on. The others are out of its reach even when idle.
                """,
            why: """
                Each rank needs a CPU for its launch thread, one for each loader worker, and a \
                few for communication. With fewer, these threads take turns and GPUs wait.
                """,
            seen: """
                Watched threads waited behind other threads of their own job, and the CPUs that \
                the job may use are fewer than the host has.
                """,
            fix: """
                Asks whoever hands out the CPUs for enough: ranks times (1 + workers) and a few \
                more.
                """,
            avoid: "Not when the other CPUs belong to other jobs; then start fewer workers.",
            verify: "stoker diagnose after a restart: launch threads wait below 5 %.",
            sources: [
                "https://github.com/stas00/ml-engineering (compute/cpu, slurm)",
                "https://slurm.schedmd.com/srun.html", "Documentation/admin-guide/cgroup-v2.rst",
            ]),
        check: { observation throws(Unavailable) in
            try observation.crowdingFindings("cpuset-too-small", .cpuset) { crowding in
                let needed = min(
                    crowding.ranks * (1 + crowding.workersPerRank) + 4,
                    observation.facts.topology.usable.count)
                let perRank = max(1, (needed + crowding.ranks - 1) / crowding.ranks)
                return (
                    "the host has \(observation.facts.topology.usable.count), and \(needed) fit",
                    FindingCulprit(
                        kind: .setting, id: "cpuset", name: crowding.allowed.description),
                    observation.widened(crowding, needed)
                        ?? Fix(
                            commands: [
                                "srun --cpus-per-task=\(perRank) …",
                                "docker run --cpuset-cpus=\(observation.wider(crowding, needed)) …",
                            ],
                            persist: ["export SRUN_CPUS_PER_TASK=\(perRank)"],
                            rollback: [
                                "start the job with \(crowding.allowed.count) CPUs as before"
                            ],
                            risk: """
                                Use the line of the tool that starts the job; it must be started \
                                again. The CPUs are taken from whoever else uses this host.
                                """,
                            managedBy: observation.manager("slurmd", "kubelet"))
                )
            }
        })
}

extension Observation {
    /// Where no control group holds the job to its CPUs, masks do, and those can be changed at
    /// once; `nil` otherwise.
    fileprivate func widened(_ crowding: Crowding, _ count: Int) -> Fix? {
        let processes = crowding.pids.filter { $0 > 0 }.compactMap(job.process)
        guard !crowding.allowed.isEmpty, !processes.isEmpty,
            processes.allSatisfy({ $0.allowed != nil && cpusets(of: $0.pid).isEmpty })
        else { return nil }
        let list = wider(crowding, count)
        return Fix(
            commands: processes.map { "taskset -apc \(list) \($0.pid)" },
            persist: ["taskset -c \(list) COMMAND"],
            rollback: processes.map {
                "taskset -apc \(($0.allowed ?? crowding.allowed).description) \($0.pid)"
            },
            risk: """
                Something bound the job to these CPUs: look for taskset or numactl where it is \
                started. The CPUs are taken from whoever else uses this host.
                """)
    }

    /// The job's CPUs and as many others as make `count`, as a list.
    fileprivate func wider(_ crowding: Crowding, _ count: Int) -> String {
        let others = facts.topology.usable.subtracting(crowding.allowed).cpus
        let more = others.prefix(max(0, count - crowding.allowed.count))
        return crowding.allowed.union(CPUList(more)).description
    }
}
