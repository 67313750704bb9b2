import Correlation
import Host
import Signals
import Training

/// How one GPU of the job spent the time that was looked at, and what its idle time goes back to.
package struct GPULoss: Sendable, Equatable {
    /// Idle time that one finding explains.
    package struct Part: Sendable, Equatable {
        package var rule: String
        package var cause: Cause
        package var culprit: FindingCulprit?
        /// Of the time that the driver told of, 0 to 1.
        package var share: Double
        package var confidence: Confidence

        package init(
            rule: String, cause: Cause, culprit: FindingCulprit?, share: Double,
            confidence: Confidence
        ) {
            self.rule = rule
            self.cause = cause
            self.culprit = culprit
            self.share = share
            self.confidence = confidence
        }
    }

    /// PCI address, the key of the GPU.
    package var pci: String
    package var name: String?
    /// Processes that compute on it.
    package var processes: [Int32]
    /// Share of the time that the driver told of for which nothing ran on it, 0 to 1.
    package var idleShare: Double
    /// Never more together than `idleShare`; the largest first.
    package var parts: [Part]
    /// Idle while heat or the power supply held back a GPU of the job: this one, or one that it may
    /// wait for. 0 to 1.
    package var throttledShare: Double
    /// Idle while a port of the host had data to send that the fabric did not take. 0 to 1.
    package var fabricShare: Double
    /// Idle while the launch thread was at work on its CPU: the program's own doing. 0 to 1.
    package var programShare: Double
    /// Idle for a reason that nothing here shows. 0 to 1.
    package var unexplainedShare: Double

    package init(
        pci: String, name: String?, processes: [Int32], idleShare: Double, parts: [Part] = [],
        throttledShare: Double = 0, fabricShare: Double = 0, programShare: Double = 0,
        unexplainedShare: Double = 0
    ) {
        self.pci = pci
        self.name = name
        self.processes = processes
        self.idleShare = idleShare
        self.parts = parts
        self.throttledShare = throttledShare
        self.fabricShare = fabricShare
        self.programShare = programShare
        self.unexplainedShare = unexplainedShare
    }

    /// Idle time that findings about the host explain, 0 to 1.
    package var hostShare: Double { parts.reduce(0) { $0 + $1.share } }

    /// Idle time that is not the host's, with a reason or without, 0 to 1.
    package var otherShare: Double {
        throttledShare + fabricShare + programShare + unexplainedShare
    }
}

/// KNOWLEDGE B0.5: less of the GPUs' time is not worth a change.
private let worthSaying = 0.005
/// Any number will do, as long as the same look gives the same answer twice.
private let seed: UInt64 = 1

/// What each GPU of the job lost, and to which of `findings`; the findings with their share of the
/// job's GPU time.
func gpuLosses(
    _ findings: [Finding], _ observation: Observation
) -> (findings: [Finding], gpus: [GPULoss]) {
    guard let readings = try? observation.whole(GPUs.self), !readings.gpus.isEmpty else {
        return (findings, [])
    }
    let input = GPULook(observation, of: findings)
    let look = input.look
    guard !look.gpus.isEmpty else { return (findings, []) }
    var generator = SeededGenerator(seed: seed)
    let attributions = attribute(look, using: &generator)
    var findings = findings
    let time = attributions.reduce(0) { $0 + $1.looked }
    for attribution in attributions where time > 0 {
        for part in attribution.explained {
            guard let place = part.label.place else { continue }
            findings[place].cost.gpuIdleShare =
                (findings[place].cost.gpuIdleShare ?? 0) + part.nanoseconds / time
        }
    }
    let names = Dictionary(
        observation.facts.gpus.map { ($0.pci, $0.name) }, uniquingKeysWith: { first, _ in first })
    let gpus = attributions.filter { $0.looked > 0 }.map { attribution in
        var gpu = GPULoss(
            attribution, name: names[attribution.gpu] ?? nil,
            processes: input.processes(on: attribution.gpu), findings)
        let own = max(gpu.programShare, input.idleBesideOwnWork(of: gpu.pci))
        let left = gpu.idleShare - gpu.hostShare - gpu.throttledShare - gpu.fabricShare
        gpu.programShare = min(own, max(0, left))
        gpu.unexplainedShare = max(0, left - gpu.programShare)
        return gpu
    }
    return (findings, gpus)
}

extension GPULoss {
    fileprivate init(
        _ attribution: GPUAttribution, name: String?, processes: [Int32], _ findings: [Finding]
    ) {
        let share = { (nanoseconds: Double) in nanoseconds / attribution.looked }
        self.init(
            pci: attribution.gpu, name: name, processes: processes,
            idleShare: share(attribution.idle),
            parts: attribution.explained.compactMap { part in
                guard let place = part.label.place, share(part.nanoseconds) >= worthSaying else {
                    return nil
                }
                let finding = findings[place]
                return Part(
                    rule: finding.rule, cause: finding.cause, culprit: finding.culprit,
                    share: share(part.nanoseconds),
                    confidence: part.confidence == .measured ? .measured : .associated)
            },
            throttledShare: share(attribution.rest.gpu),
            fabricShare: share(attribution.rest.fabric),
            programShare: share(attribution.rest.program + attribution.usualOnCPU))
    }
}
