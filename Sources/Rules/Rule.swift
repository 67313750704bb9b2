package import Signals
package import Training

/// One piece of knowledge: what to notice, what it costs, what to do about it.
package struct Rule: Sendable {
    /// Kebab-case, from the catalogue of tuning rules; never used again for something else.
    package var id: String
    package var cause: Cause
    /// The highest severity that it may report.
    package var ceiling: Severity
    /// One line: what is wrong when it fires.
    package var title: String
    package var explanation: Explanation
    /// What it finds in an observation. Throws when a signal that it needs is missing.
    package var check: @Sendable (Observation) throws(Unavailable) -> [Finding]

    package init(
        id: String, cause: Cause, ceiling: Severity, title: String, explanation: Explanation,
        check: @escaping @Sendable (Observation) throws(Unavailable) -> [Finding]
    ) {
        self.id = id
        self.cause = cause
        self.ceiling = ceiling
        self.title = title
        self.explanation = explanation
        self.check = check
    }

    /// What the check says, with "could not be measured" as a value.
    package func findings(in observation: Observation) -> Result<[Finding], Unavailable> {
        Result { () throws(Unavailable) in try check(observation) }
    }
}

/// The closed vocabulary of causes.
package enum Cause: String, Sendable, Codable, CaseIterable {
    case cpuContention = "cpu-contention"
    case cpuOversubscription = "cpu-oversubscription"
    case cpuThrottling = "cpu-throttling"
    case threadMigration = "thread-migration"
    case irqLoad = "irq-load"
    case softirqLoad = "softirq-load"
    case numaRemoteMemory = "numa-remote-memory"
    case numaBalancing = "numa-balancing"
    case thpFallback = "thp-fallback"
    case compactionStall = "compaction-stall"
    case memoryReclaim = "memory-reclaim"
    case majorFaults = "major-faults"
    case swap
    case tlbShootdown = "tlb-shootdown"
    case lockContention = "lock-contention"
    case storageStall = "storage-stall"
    case powerState = "power-state"
    case limits
    case gpuThrottling = "gpu-throttling"
    case gpuError = "gpu-error"
    case pcieDegraded = "pcie-degraded"
    case fabricCongestion = "fabric-congestion"
    case fabricError = "fabric-error"
    case placement
    case configuration

    /// What no setting of the host brings about.
    package var isBeyondHost: Bool { self == .gpuThrottling || self == .gpuError }
}

package enum Severity: String, Sendable, Codable, CaseIterable, Comparable {
    case info, warning, critical

    package static func < (left: Self, right: Self) -> Bool {
        let order = Severity.allCases
        return order.firstIndex(of: left) ?? 0 < order.firstIndex(of: right) ?? 0
    }
}

/// How sure a finding is.
package enum Confidence: String, Sendable, Codable {
    /// The loss itself was measured.
    case measured
    /// The loss goes together with the cause in time.
    case associated
    /// A setting alone; no loss was seen.
    case configuration
}

/// A rule taught to a reader who does not know the kernel. Plain text, no markup.
package struct Explanation: Sendable {
    package var what: String
    package var why: String
    package var seen: String
    package var fix: String
    package var avoid: String
    package var verify: String
    package var sources: [String]

    package init(
        what: String, why: String, seen: String, fix: String, avoid: String, verify: String,
        sources: [String]
    ) {
        self.what = what
        self.why = why
        self.seen = seen
        self.fix = fix
        self.avoid = avoid
        self.verify = verify
        self.sources = sources
    }
}
