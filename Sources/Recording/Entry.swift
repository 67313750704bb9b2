package import Host
package import Signals
package import Training

/// What one tick puts on record.
package struct Entry: Sendable {
    /// Seconds since 1970, for people; nothing is measured with it.
    package var wallClock: Double
    /// Running totals.
    package var sample: Sample
    package var job: Job
    package var facts: HostFacts

    package init(wallClock: Double, sample: Sample, job: Job, facts: HostFacts) {
        self.wallClock = wallClock
        self.sample = sample
        self.job = job
        self.facts = facts
    }
}

/// Who records, and what the totals of its entries mean.
package struct RecordedRun: Sendable, Equatable {
    package var hostname: String
    package var bootID: String
    /// Tells one run of a recorder from the next: totals of two runs cannot be compared.
    package var id: String
    /// Stoker's version.
    package var version: String
    /// How far back totals remember what has ended, ns; `nil`: since the run began.
    package var memoryNanoseconds: UInt64?

    package init(
        on host: Host, hostname: String, version: String, memoryNanoseconds: UInt64? = nil
    ) {
        self.hostname = hostname
        self.version = version
        self.memoryNanoseconds = memoryNanoseconds
        bootID = host.line("/proc/sys/kernel/random/boot_id") ?? "unknown"
        id = "\(bootID)/\(monotonicNanoseconds())"
    }

    init(
        hostname: String, bootID: String, id: String, version: String, memoryNanoseconds: UInt64?
    ) {
        self.hostname = hostname
        self.bootID = bootID
        self.id = id
        self.version = version
        self.memoryNanoseconds = memoryNanoseconds
    }
}
