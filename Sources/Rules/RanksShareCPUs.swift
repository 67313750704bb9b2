import Host
import Signals
import Training

extension Rule {
    package static let ranksShareCPUs = Rule(
        id: "ranks-share-cpus", cause: .cpuOversubscription, ceiling: .critical,
        title: "Ranks take turns on the same CPUs",
        explanation: Explanation(
            what: """
                Each rank has a launch thread that hands work to its GPU. Nothing keeps the ranks \
                of one job apart: the scheduler may put two launch threads on one CPU, and has \
                to where there are more ranks than CPUs.
                """,
            why: """
                Ranks that wait for one another wake up together. Those that share a CPU then run \
                one after the other, and every step takes as long as the last of them.
                """,
            seen: """
                Launch threads were ready but waited while other ranks of the same job ran, on \
                CPUs that all of them may use.
                """,
            fix: """
                Binds each rank to CPUs of its own. Where there are more ranks than CPUs, only \
                fewer ranks or more CPUs help.
                """,
            avoid: """
                Not where something else binds the ranks already (srun --cpu-bind, numactl in a \
                start script): change it there.
                """,
            verify: "stoker diagnose: launch threads wait for less than 5 % of their time.",
            sources: [
                "https://slurm.schedmd.com/mc_support.html",
                "https://docs.pytorch.org/docs/stable/elastic/run.html", "sched_setaffinity(2)",
            ]),
        check: { observation throws(Unavailable) in
            try observation.crowdingFindings("ranks-share-cpus", .ranks) { crowding in
                let fits = crowding.ranks <= crowding.allowed.count
                return (
                    fits
                        ? "\(crowding.ranks) ranks have room for CPUs of their own"
                        : "\(crowding.ranks) ranks have to share them",
                    observation.crowdingCulprit(crowding),
                    fits
                        ? observation.apart(crowding)
                        : Fix(
                            commands: ["torchrun --nproc-per-node=\(crowding.allowed.count) …"],
                            rollback: ["torchrun --nproc-per-node=\(crowding.ranks) …"],
                            risk: """
                                Use the option of whatever starts the job; it must be started \
                                again. Fewer ranks use fewer GPUs: a host with more CPUs is the \
                                better answer.
                                """,
                            managedBy: observation.manager("slurmd", "kubelet"))
                )
            }
        })
}

extension Observation {
    /// A share of the CPUs for each rank, whole cores side by side as far as there are enough.
    fileprivate func apart(_ crowding: Crowding) -> Fix {
        let places = Dictionary(
            facts.topology.cpus.map { ($0.id, ($0.node ?? 0, $0.core ?? $0.id, $0.id)) },
            uniquingKeysWith: { first, _ in first })
        let cpus = crowding.allowed.cpus.sorted {
            (places[$0] ?? (0, $0, $0)) < (places[$1] ?? (0, $1, $1))
        }
        let each = crowding.cpusPerRank
        let ranks = crowding.rankPIDs.filter { $0 > 0 }
        let shares = ranks.indices.map { CPUList(cpus.dropFirst($0 * each).prefix(each)) }
        return Fix(
            commands: zip(ranks, shares).map { "taskset -apc \($1.description) \($0)" },
            persist: ["taskset -c CPUS COMMAND, with other CPUS for each rank"],
            rollback: ranks.map {
                let before = job.process($0)?.allowed ?? crowding.allowed
                return "taskset -apc \(before.description) \($0)"
            },
            risk: """
                Holds for threads that exist now and those they start; loaders that run already \
                stay where they are. A rank that needs more than \(each) CPUs gets slower.
                """)
    }
}
