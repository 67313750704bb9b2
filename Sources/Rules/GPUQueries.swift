import Host
import Signals
import Training

/// Below this a GPU's clocks tell nothing: it rests.
let gpuAtWork = Limit(
    10, "%", source: "judgement: a GPU at rest lowers its clocks by right")

extension Observation {
    /// What each GPU did in the whole window; nothing on a host without any.
    func gpuReadings() throws(Unavailable) -> [GPUReading] {
        do throws(Unavailable) {
            // Addresses go into commands: nothing else may pass for one.
            return try whole(GPUs.self).gpus.filter { pciAddress($0.pci) == $0.pci }
        } catch {
            let hasGPU = !facts.gpus.isEmpty || facts.devices.contains { $0.kind == .gpu }
            if hasGPU { throw error }
            return []
        }
    }

    func gpuFacts(_ pci: String) -> GPUFacts? { facts.gpus.first { $0.pci == pci } }

    /// The GPU as the one to blame.
    func gpuCulprit(_ pci: String) -> FindingCulprit {
        FindingCulprit(kind: .device, id: pci, name: gpuFacts(pci)?.label ?? "GPU \(pci)")
    }
}

extension GPUReading {
    /// Time at work, percent; `nil` where nobody knows.
    var busyPercent: Double? {
        guard let active = activity.active, let observed = activity.observed, observed > 0 else {
            return nil
        }
        return min(100 * Double(active) / Double(observed), 100)
    }

    /// How long something held the clocks down, percent of the time that was looked at.
    func heldPercent(_ limit: ClockLimit) -> Double {
        guard limits.watched > 0 else { return 0 }
        return min(100 * Double(limits.held[limit] ?? 0) / Double(limits.watched), 100)
    }

    /// The same, of the time at work; 0 for a GPU that rests, or of which nothing is known.
    func heldPercentOfWork(_ limit: ClockLimit) -> Double {
        guard let busyPercent, gpuAtWork.isReached(by: busyPercent) else { return 0 }
        return min(100 * heldPercent(limit) / busyPercent, 100)
    }
}

/// Text that the findings about GPUs share.
enum GPUText {
    /// `0000:1b:00.0`, as nvidia-smi takes it.
    static func selected(_ pci: String) -> String { "nvidia-smi -i \(pci)" }

    static let isNotHost = "This is not the host's doing: no setting of the host changes it."
}
