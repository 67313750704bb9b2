import Signals
import Training

private let idleOnCPU = Limit(
    0.05, "share of the GPU's time", source: "judgement: PyTorch's own gains start at 1 to 10 %")
private let idleUnexplained = Limit(
    0.05, "share of the GPU's time", source: "judgement: a step leaves gaps between kernels")

/// A GPU that idles for more of its time, without a cause on this host, makes the verdict
/// `not-host`.
let idleWithoutCause = idleUnexplained

extension Rule {
    package static let launchGap = Rule(
        id: "python-gc-launch-gap", cause: .configuration, ceiling: .info,
        title: "The GPU has nothing to do while the launch thread is at work",
        explanation: Explanation(
            what: """
                Work for a GPU is handed over by a thread of the program, a kernel at a time. \
                While that thread does something else (collects garbage, waits for Python's \
                lock, prepares a batch by itself, writes a log), nothing new arrives.
                """,
            why: """
                Once the queued work is done the GPU idles, and all other ranks wait for this \
                one. No change to the host helps: the thread had its CPU all the while.
                """,
            seen: """
                The GPU's own figure of its idle time, against the ledger of the launch thread: \
                on its CPU, not interrupted, not waiting.
                """,
            fix: """
                In the program: garbage collection by hand between steps (gc.disable, gc.freeze), \
                CUDA graphs or torch.compile for many small kernels, loaders that prepare whole \
                batches. A profiler of the program, such as py-spy, shows what the thread does.
                """,
            avoid: "Not worth it where the GPU idles during checkpoints or evaluation only.",
            verify: "stoker diagnose: the GPU's idle time beside a running launch thread shrinks.",
            sources: [
                "https://docs.python.org/3/library/gc.html",
                "https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs",
            ])
    ) { observation throws(Unavailable) in
        gpuLosses([], observation).gpus.compactMap { gpu in
            guard idleOnCPU.isReached(by: gpu.programShare) else { return nil }
            return .idle(
                "python-gc-launch-gap", gpu,
                summary: "\(gpu.label) idled for \(SchedulingText.percent(gpu.programShare)) of "
                    + "the time while the thread that feeds it was at work on its CPU",
                evidence: idleOnCPU.evidence(
                    "GPU idle, launch thread running", gpu.programShare),
                command: "py-spy top --pid \(gpu.processes.first ?? 0)")
        }
    }

    package static let nothingFound = Rule(
        id: "nothing-found", cause: .configuration, ceiling: .info,
        title: "A GPU idles, and nothing on this host explains it",
        explanation: Explanation(
            what: "The GPU had nothing to do, and no probe saw the host hold the job up.",
            why: """
                Most slow jobs are not the host's fault: another rank is late, the fabric is \
                slow, batches are small, or the program waits for its own data.
                """,
            seen: """
                The GPU's own figure of its idle time, less all time in which its launch thread \
                was awake or held up. Left out where a finding about this host is a warning.
                """,
            fix: """
                Look at the other hosts of the job first: a rank that is late makes all others \
                wait. Then at the program's input and at its batch size.
                """,
            avoid: "Changing this host: what was ruled out is listed, with the most it can cost.",
            verify: "The same look on every host of the job: the late one shows a cause.",
            sources: ["https://arxiv.org/abs/2410.12588 (Falcon: fail-slow)"])
    ) { observation throws(Unavailable) in
        let look = GPULook(observation, of: [])
        let gpus = gpuLosses([], observation).gpus
        guard !gpus.isEmpty else { return [] }
        let threads = try observation.threads()
        return gpus.compactMap { gpu in
            let share = look.idleBesideSleep(of: gpu.pci)
            guard idleUnexplained.isReached(by: share) else { return nil }
            // Without the CPUs' idle time nobody can say that it is the loaders.
            let input = try? BusyInput(of: gpu, observation, threads)
            guard (input ?? nil) == nil else { return nil }
            return .idle(
                "nothing-found", gpu,
                summary: "\(gpu.label) idled for \(SchedulingText.percent(share)) of the time "
                    + "while the thread that feeds it slept: it waited for something else",
                evidence: idleUnexplained.evidence("GPU idle, launch thread asleep", share),
                command: "# look at the other hosts of the job")
        }
    }
}

extension Finding {
    fileprivate static func idle(
        _ rule: String, _ gpu: GPULoss, summary: String, evidence: Evidence, command: String
    ) -> Finding {
        var finding = Finding(
            rule: rule, cause: .configuration, severity: .info, confidence: .associated,
            summary: summary,
            culprit: FindingCulprit(kind: .device, id: gpu.pci, name: gpu.label),
            evidence: [evidence], fix: Fix(commands: [command], risk: "none: it only looks"),
            verify: "stoker diagnose: the GPU idles less")
        finding.isOutsideHost = true
        return finding
    }
}

extension GPULoss {
    var label: String { name.map { "\($0) (\(pci))" } ?? "GPU \(pci)" }
}
