import Host
import Signals
import Training

extension Rule {
    package static let loaderWorkersTooMany = Rule(
        id: "loader-workers-too-many", cause: .cpuOversubscription, ceiling: .critical,
        title: "More data loader processes compute than there are CPUs",
        explanation: Explanation(
            what: """
                A data loader runs num_workers processes for each rank that read and prepare \
                samples. Each keeps about one CPU busy, so ranks times workers is what they need.
                """,
            why: """
                When workers outnumber CPUs they do not get faster together, but the launch \
                thread has to queue with them. The input is no quicker and the GPU is fed later.
                """,
            seen: """
                Watched threads were ready but waited while other processes of the same job ran, \
                mostly loaders, and the job as a whole wanted more CPUs than it may use.
                """,
            fix: "Fewer workers: one CPU of each rank's share stays free for its launch thread.",
            avoid: """
                Not when the GPU already waits for input: then the work for each sample must \
                shrink (decode on the GPU, store it prepared), or the job needs more CPUs.
                """,
            verify: "stoker diagnose after a restart: waiting falls and throughput does not.",
            sources: [
                "https://docs.pytorch.org/docs/stable/data.html",
                "https://github.com/stas00/ml-engineering (training/performance)",
            ]),
        check: { observation throws(Unavailable) in
            try observation.crowdingFindings("loader-workers-too-many", .loaders) { crowding in
                let number = crowding.loaderWorkers
                let isConfined = crowding.allowed.count < observation.facts.topology.usable.count
                return (
                    "num_workers=\(number)"
                        + (crowding.ranks > 1 ? " for each of \(crowding.ranks) ranks" : "")
                        + " fits"
                        + (isConfined ? ", or more of the host's CPUs" : ""),
                    observation.crowdingCulprit(crowding),
                    Fix(
                        commands: ["DataLoader(..., num_workers=\(number))"],
                        rollback: ["DataLoader(..., num_workers=\(crowding.workersPerRank))"],
                        risk: """
                            A change of the training script, in force after a restart. With too \
                            few workers the GPU waits for input; watch its use.
                            """)
                )
            }
        })
}
