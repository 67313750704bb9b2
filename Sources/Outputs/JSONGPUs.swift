import Rules
import Signals
import Training

/// What each GPU of the job did in the window, and what its idle time goes back to.
func gpus(_ observation: Observation, _ diagnosis: Diagnosis) -> JSON {
    .array(
        diagnosis.gpus.map { gpu in
            .object([
                ("address", .string(gpu.pci)),
                ("name", JSON(gpu.name)),
                ("processes", .array(gpu.processes.map { JSON($0) })),
                ("idleShare", .number(gpu.idleShare)),
                ("hostShare", .number(gpu.hostShare)),
                ("throttledShare", .number(gpu.throttledShare)),
                ("fabricShare", .number(gpu.fabricShare)),
                ("programShare", .number(gpu.programShare)),
                ("unexplainedShare", .number(gpu.unexplainedShare)),
                ("parts", .array(gpu.parts.map(part))),
            ])
        })
}

private func part(_ part: GPULoss.Part) -> JSON {
    .object([
        ("rule", .string(part.rule)),
        ("cause", .string(part.cause.rawValue)),
        ("culprit", part.culprit.map(culprit) ?? .null),
        ("idleShare", .number(part.share)),
        ("confidence", .string(part.confidence.rawValue)),
    ])
}
