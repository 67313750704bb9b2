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
    /// Idle while the launch thread was at work on its CPU: the program's own doing. 0 to 1.
    package var programShare: Double
    /// Idle for a reason that nothing here shows. 0 to 1.
    package var unexplainedShare: Double

    package init(
        pci: String, name: String?, processes: [Int32], idleShare: Double, parts: [Part] = [],
        programShare: Double = 0, unexplainedShare: Double = 0
    ) {
        self.pci = pci
        self.name = name
        self.processes = processes
        self.idleShare = idleShare
        self.parts = parts
        self.programShare = programShare
        self.unexplainedShare = unexplainedShare
    }

    /// Idle time that findings about the host explain, 0 to 1.
    package var hostShare: Double { parts.reduce(0) { $0 + $1.share } }
}
