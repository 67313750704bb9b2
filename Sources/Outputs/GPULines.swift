import Rules

/// GPUs that were idle for less than this are one line together. Judgement: what a step leaves
/// between two kernels.
private let worthALine = 0.02

extension Page {
    /// How long each GPU of the job had nothing to do, and why.
    mutating func writeGPUs(_ diagnosis: Diagnosis) {
        guard !diagnosis.gpus.isEmpty else { return }
        heading("What it cost the GPUs")
        let idle = diagnosis.gpus.filter { $0.idleShare >= worthALine }
        let busy = diagnosis.gpus.count - idle.count
        let width = idle.map { gpuName($0).count }.max() ?? 0
        for gpu in idle {
            paragraph(
                "idle \(percent(gpu.idleShare))" + reasons(gpu), indent: 2,
                label: gpuName(gpu) + "  ", labelWidth: width + 2)
        }
        guard busy > 0 else { return }
        let others = idle.isEmpty ? "" : "the other "
        let subject = busy == 1 ? "\(others)GPU was" : "\(others)\(busy) GPUs were"
        paragraph(
            "\(capitalized(subject)) idle for less than \(percent(worthALine)) of the time.",
            indent: 2)
    }
}

private func gpuName(_ gpu: GPULoss) -> String { shown(gpu.pci) }

/// `: 21 % noisy-neighbour (stress-ng, pid 812), 2 % the program itself, 1 % unexplained`
private func reasons(_ gpu: GPULoss) -> String {
    let reasons = idleReasons(gpu)
    return reasons.isEmpty ? "" : ": " + reasons.joined(separator: ", ")
}

/// What the idle time of a GPU goes back to.
func idleReasons(_ gpu: GPULoss) -> [String] {
    var reasons = gpu.parts.map { part in
        "\(percent(part.share)) \(part.rule)"
            + (part.culprit.map { " by " + described($0) } ?? "") + " (\(part.confidence.rawValue))"
    }
    if gpu.throttledShare >= worthALine {
        reasons.append("\(percent(gpu.throttledShare)) while heat or power held a GPU back")
    }
    if gpu.fabricShare >= worthALine {
        reasons.append("\(percent(gpu.fabricShare)) while the fabric took no data")
    }
    if gpu.programShare >= worthALine {
        reasons.append("\(percent(gpu.programShare)) while the program itself was at work")
    }
    if gpu.unexplainedShare >= worthALine {
        reasons.append("\(percent(gpu.unexplainedShare)) for no reason seen on this host")
    }
    return reasons
}

private func capitalized(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst()
}
