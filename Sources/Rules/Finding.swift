package import Signals
package import Training

/// Something that is wrong on this host: what, who, how much, and what to type.
package struct Finding: Sendable, Equatable {
    package var rule: String
    package var cause: Cause
    package var severity: Severity
    package var confidence: Confidence
    /// One sentence with the numbers of this host. Names in it are not escaped yet.
    package var summary: String
    package var culprit: FindingCulprit?
    package var affected: [Affected]
    package var evidence: [Evidence]
    package var fix: Fix
    package var verify: String
    /// The measured time that this finding explains, by whom and what it was lost to.
    package var claims: [Claim]
    /// Where the loss cannot be measured: the share of the worst-hit thread's time that it may be,
    /// 0 to 1. Ranks the finding among others, and is shown nowhere as a cost.
    package var estimate = 0.0
    /// Neither software nor settings of this host cause it: a device, a cable, the network.
    package var isOutsideHost: Bool
    /// Filled in by the diagnosis from the claims that were granted.
    package var cost = Cost()

    package init(
        rule: String, cause: Cause, severity: Severity, confidence: Confidence, summary: String,
        culprit: FindingCulprit? = nil, affected: [Affected] = [], evidence: [Evidence],
        fix: Fix, verify: String, claims: [Claim] = []
    ) {
        self.rule = rule
        self.cause = cause
        self.severity = severity
        self.confidence = confidence
        self.summary = summary
        self.culprit = culprit
        self.affected = affected
        self.evidence = evidence
        self.fix = fix
        self.verify = verify
        self.claims = claims
        isOutsideHost = cause.isBeyondHost
    }
}

/// What the loss costs; `nil` where it cannot be told.
package struct Cost: Sendable, Equatable, Codable {
    package var threadSecondsPerSecond: Double?
    /// Share of the launch threads' wall time, 0 to 1.
    package var launchShare: Double?
    package var gpuIdleShare: Double?

    package init() {}
}

package struct FindingCulprit: Sendable, Equatable, Codable {
    package enum Kind: String, Sendable, Codable {
        case process, kthread, irq, softirq, cgroup, device, setting
    }

    package var kind: Kind
    /// pid, IRQ number, softirq type, cgroup path, device or setting name.
    package var id: String
    package var name: String

    package init(kind: Kind, id: String, name: String) {
        self.kind = kind
        self.id = id
        self.name = name
    }
}

package struct Affected: Sendable, Equatable, Codable {
    package var pid: Int32
    package var tid: Int32
    package var role: Role

    package init(pid: Int32, tid: Int32, role: Role) {
        self.pid = pid
        self.tid = tid
        self.role = role
    }
}

/// One measured number, the limit it was held against, and where that limit comes from.
package struct Evidence: Sendable, Equatable, Codable {
    package var name: String
    package var value: Double
    package var unit: String
    package var threshold: Double?
    package var source: String?

    package init(
        name: String, value: Double, unit: String, threshold: Double? = nil, source: String? = nil
    ) {
        self.name = name
        self.value = value
        self.unit = unit
        self.threshold = threshold
        self.source = source
    }
}

/// What to type on this very host, and how to take it back.
package struct Fix: Sendable, Equatable, Codable {
    package var commands: [String]
    package var persist: [String]
    package var rollback: [String]
    package var risk: String
    package var needsReboot: Bool
    /// Who else sets this knob on this host (`irqbalance`, `tuned`, `kubelet` …), if anybody.
    package var managedBy: String?

    package init(
        commands: [String], persist: [String] = [], rollback: [String] = [], risk: String,
        needsReboot: Bool = false, managedBy: String? = nil
    ) {
        self.commands = commands
        self.persist = persist
        self.rollback = rollback
        self.risk = risk
        self.needsReboot = needsReboot
        self.managedBy = managedBy
    }
}

/// Time of one thread that was lost to one thing. No nanosecond is granted to two findings.
package struct Claim: Sendable, Equatable {
    /// What the time was lost to. Waiting is told apart by culprit.
    package enum Loss: Hashable, Sendable {
        case state(ThreadState)
        case waiting(Culprit)
        case mmapLock
    }

    package var tid: Int32
    package var loss: Loss
    package var nanoseconds: UInt64

    package init(tid: Int32, loss: Loss, nanoseconds: UInt64) {
        self.tid = tid
        self.loss = loss
        self.nanoseconds = nanoseconds
    }
}
