import Training

/// What is known of a process beyond its name: `a step takes about 251 ms; GPU 0000:1b:00.0; local
/// rank 1, 16 ranks in all; Slurm job 4711, step 0; pod …; container 0123456789ab (docker)`. `nil`:
/// nothing.
func identityLine(_ process: ProcessFacts) -> String? {
    let identity = process.identity
    var parts: [String] = []
    if let step = process.stepMilliseconds, step >= 0, step < 1e9 {
        parts.append(
            "a step takes about \(duration(nanoseconds: UInt64(step * 1e6)))")
    }
    if let text = gpuText(process) { parts.append(text) }
    if let text = placeText(identity) { parts.append(text) }
    if let job = identity.job {
        parts.append(
            "Slurm job \(shown(job))" + (identity.step.map { ", step \(shown($0))" } ?? ""))
    }
    if let pod = identity.pod { parts.append("pod \(shown(pod))") }
    if let container = identity.container {
        // As docker and crictl show it.
        let isID = container.utf8.count == 64
        let name = isID ? String(container.prefix(12)) : shown(container)
        parts.append("container \(name)" + (identity.runtime.map { " (\($0))" } ?? ""))
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
}

/// `GPU 0000:1b:00.0`, `GPUs …`
func gpuText(_ process: ProcessFacts) -> String? {
    guard !process.gpus.isEmpty else { return nil }
    let names = process.gpus.map(shown).joined(separator: ", ")
    return (process.gpus.count == 1 ? "GPU " : "GPUs ") + names
}

private func placeText(_ identity: JobIdentity) -> String? {
    let parts = [
        identity.localRank.map { "local rank \($0)" },
        identity.worldSize.map { "\(counted($0, "rank")) in all" },
    ].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
}

/// The same for programs.
func identity(_ identity: JobIdentity) -> JSON {
    .object([
        ("localRank", identity.localRank.map { JSON($0) } ?? .null),
        ("worldSize", identity.worldSize.map { JSON($0) } ?? .null),
        ("slurmJob", JSON(identity.job)),
        ("slurmStep", JSON(identity.step)),
        ("pod", JSON(identity.pod)),
        ("container", JSON(identity.container)),
        ("runtime", JSON(identity.runtime)),
        ("visibleDevices", JSON(identity.visibleDevices)),
    ])
}
