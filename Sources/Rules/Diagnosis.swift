/// What all rules together say of one observation.
package struct Diagnosis: Sendable, Equatable {
    package enum Verdict: String, Sendable, Codable {
        /// The host holds the job up.
        case hostBound = "host-bound"
        /// Time is lost, and the host does not cause it.
        case notHost = "not-host"
        /// Nothing costs as much as is worth acting on.
        case healthy
        /// Too little could be seen to say.
        case unknown
    }

    package var verdict: Verdict
    /// By severity, then by cost.
    package var findings: [Finding]
    /// Causes that were looked for and not found, with the most that they can have cost.
    package var excluded: [Excluded]
    /// Rules that could not be checked, and why.
    package var unchecked: [Unchecked]
    /// The GPUs that the job computes on, in the order of their PCI addresses; without those whose
    /// driver told nothing.
    package var gpus: [GPULoss]

    package init(
        verdict: Verdict, findings: [Finding] = [], excluded: [Excluded] = [],
        unchecked: [Unchecked] = [], gpus: [GPULoss] = []
    ) {
        self.verdict = verdict
        self.findings = findings
        self.excluded = excluded
        self.unchecked = unchecked
        self.gpus = gpus
    }
}

/// A cause that is not the reason, and the largest share of time that it took.
package struct Excluded: Sendable, Equatable, Codable {
    package var cause: Cause
    /// Share of the worst-hit watched thread's wall time, 0 to 1.
    package var upperBound: Double

    package init(cause: Cause, upperBound: Double) {
        self.cause = cause
        self.upperBound = upperBound
    }
}

package struct Unchecked: Sendable, Equatable, Codable {
    package var rule: String
    package var reason: String

    package init(rule: String, reason: String) {
        self.rule = rule
        self.reason = reason
    }
}
