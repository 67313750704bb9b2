import Signals
import Training

extension Rule {
    package static let ompOversubscription = Rule(
        id: "omp-oversubscription", cause: .cpuOversubscription, ceiling: .critical,
        title: "A process computes with more threads than it has CPUs",
        explanation: Explanation(
            what: """
                NumPy, PyTorch and MKL split one operation over a pool of threads. Left alone, \
                each process takes as many threads as the host has CPUs, whether or not other \
                processes do the same.
                """,
            why: """
                Eight ranks with 64 threads each are 512 threads on 64 CPUs. Pool threads spin \
                while they wait for each other, so they use CPU time without getting anything \
                done, and the launch thread queues behind its own pool.
                """,
            seen: """
                Launch threads were ready but waited while threads of their own process ran, and \
                the process has more computing threads than its share of the CPUs. CPU time given \
                away by sched_yield does not count.
                """,
            fix: """
                Gives each rank's pool as many threads as it has CPUs once its loader workers \
                have theirs. The number in the command is worked out from this host.
                """,
            avoid: """
                Optimizers that were moved to the CPU (offload) need many threads: measure. \
                torchrun sets 1 by itself, which is safe but slow for work on the CPU.
                """,
            verify: "stoker diagnose after a restart: launch threads wait below 5 %.",
            sources: [
                "https://github.com/pytorch/pytorch/pull/22501",
                "https://github.com/pytorch/pytorch/issues/82219",
                "https://docs.pytorch.org/docs/stable/elastic/run.html",
            ]),
        check: { observation throws(Unavailable) in
            try observation.crowdingFindings("omp-oversubscription", .pool) { crowding in
                let number = crowding.poolThreads
                return (
                    "\(observation.ompSetting), \(number) fits",
                    observation.crowdingCulprit(crowding),
                    Fix(
                        commands: [
                            "export OMP_NUM_THREADS=\(number)", "export MKL_NUM_THREADS=\(number)",
                        ],
                        persist: ["put both lines into the script that starts the job"],
                        rollback: ["unset OMP_NUM_THREADS MKL_NUM_THREADS"],
                        risk: """
                            Takes effect when the job is started again from that shell. \
                            Operations on the CPU that used idle CPUs become slower; in loader \
                            workers call torch.set_num_threads(1).
                            """)
                )
            }
        })
}
