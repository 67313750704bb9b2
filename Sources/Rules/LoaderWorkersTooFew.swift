import Host
import Signals
import Training

private let atWork = Limit(
    0.9, "share of each loader's time", source: "judgement: what is left is handing batches over")
/// KNOWLEDGE 36 asks for half of the host; one CPU is what one more worker takes. Judgement.
private let room = Limit(0.9, "idle CPUs", source: "judgement: one more worker keeps one CPU busy")

extension Rule {
    package static let loaderWorkersTooFew = Rule(
        id: "loader-workers-too-few", cause: .configuration, ceiling: .info,
        title: "The GPU waits for data loaders that are at work all the time",
        explanation: Explanation(
            what: """
                Loader processes prepare batches ahead of the step that needs them. Each keeps \
                at most one CPU busy, so num_workers bounds how fast batches come.
                """,
            why: """
                When all workers compute all the time and the launch thread sleeps until the \
                next batch, the GPU idles for as long. The host has CPUs that nobody asked for.
                """,
            seen: """
                The GPU's own figure of its idle time while its launch thread slept, the loaders \
                on their CPUs nearly all the time, and CPUs of the host without work.
                """,
            fix: """
                More workers, as many as feed the GPU, and batches that are prepared further \
                ahead. The number in the command is worked out from this look.
                """,
            avoid: """
                Each worker takes memory, at its start too. Where CPUs run out, less work for \
                each sample is the only way: decode on the GPU, or store samples prepared.
                """,
            verify: "stoker diagnose after a restart: the GPU idles less, loaders sleep at times.",
            sources: [
                "https://docs.pytorch.org/docs/stable/data.html",
                "https://github.com/stas00/ml-engineering (training/performance)",
            ])
    ) { observation throws(Unavailable) in
        let gpus = gpuLosses([], observation).gpus
        guard !gpus.isEmpty else { return [] }
        let threads = try observation.threads()
        let look = GPULook(observation, of: [])
        var findings: [Finding] = []
        for gpu in gpus {
            let idle = look.idleBesideSleep(of: gpu.pci)
            guard idleWithoutCause.isReached(by: idle),
                let input = try BusyInput(of: gpu, observation, threads)
            else { continue }
            findings.append(input.finding(gpu, idle: idle))
        }
        return findings
    }
}

/// Loaders that compute all the time while CPUs have nothing to do.
struct BusyInput {
    private let workers: Int
    private let working: Double
    /// CPUs' worth of idle time: of the whole host, and of the CPUs that the loaders may use.
    private let idleCPUs: Double
    private let idleAllowed: Double
    private let allowed: CPUList

    /// `nil` where the GPU's loaders have time to spare, or the CPUs have not.
    init?(
        of gpu: GPULoss, _ observation: Observation, _ threads: Threads
    ) throws(Unavailable) {
        let index = observation.index(threads)
        let job = observation.job
        let loaders = index.loaderPids.filter { job.gpus(fedBy: $0).contains(gpu.pci) }
        let shares = loaders.compactMap { pid -> Double? in
            let own = index.threads(of: pid)
            guard let wall = own.map(\.time.total).max(), wall > 0 else { return nil }
            return min(1, own.reduce(0) { $0 + Double($1.time[.running]) } / Double(wall))
        }
        guard let least = shares.min(), atWork.isReached(by: least) else { return nil }
        let cpus = try observation.whole(CPUs.self).cpus
        let usable = observation.facts.topology.usable
        func idle(_ list: CPUList) -> Double {
            cpus.reduce(0) { sum, cpu in
                guard list.contains(cpu.id), cpu.total > 0 else { return sum }
                return sum + Double(cpu.idle) / Double(cpu.total)
            }
        }
        idleCPUs = idle(usable)
        guard room.isReached(by: idleCPUs) else { return nil }
        let masks = loaders.map { job.process($0)?.allowed ?? usable }
        allowed = masks.reduce(CPUList([])) { $0.union($1) }
        idleAllowed = idle(allowed)
        workers = shares.count
        working = least
    }

    fileprivate func finding(_ gpu: GPULoss, idle: Double) -> Finding {
        let isConfined = !room.isReached(by: idleAllowed)
        let wanted = Int((Double(workers) / max(1 - idle, 0.1)).rounded(.up))
        let most = workers + max(1, Int(isConfined ? idleCPUs : idleAllowed))
        let number = min(max(wanted, workers + 1), most)
        let processes = workers == 1 ? "loader process" : "\(workers) loader processes"
        let full = "; CPU \(allowed.description), all that they may use, has no time left"
        let widen = "More workers help only with more CPUs: widen the job's cpuset or mask. "
        var finding = Finding(
            rule: "loader-workers-too-few", cause: .configuration, severity: .info,
            confidence: .associated,
            summary: """
                \(gpu.label) idled for \(SchedulingText.percent(idle)) of the time while the \
                thread that feeds it slept and its \(processes) computed all the time
                """ + (isConfined ? full : ""),
            culprit: FindingCulprit(kind: .setting, id: "num_workers", name: "\(workers)"),
            evidence: [
                idleWithoutCause.evidence("GPU idle, launch thread asleep", idle),
                atWork.evidence("loaders at work", working),
                room.evidence("CPUs of the host without work", idleCPUs),
            ],
            fix: Fix(
                commands: ["DataLoader(..., num_workers=\(number), prefetch_factor=4)"],
                rollback: ["DataLoader(..., num_workers=\(workers))"],
                risk: """
                    A change of the training script, in force after a restart. \
                    \(isConfined ? widen : "")Each worker takes memory of its own.
                    """),
            verify: "stoker diagnose: the GPU idles less, and loaders sleep at times")
        finding.isOutsideHost = true
        return finding
    }
}
