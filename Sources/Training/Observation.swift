package import Host
package import Signals

/// All that rules and outputs see: facts, who was watched, what happened, what was not seen.
package struct Observation: Sendable {
    package var facts: HostFacts
    package var job: Job
    /// The whole time that was looked at, as one window.
    package var whole: Window
    /// The same time in shorter windows, oldest first.
    package var timeline: [Window]
    package var coverage: [Coverage]
    /// Start of the window, seconds since 1970, for display.
    package var startedAt: Double
    /// Where it comes from, when it was not made just now.
    package var recording: RecordingOrigin?
    /// CPUs that launch and NCCL threads run on, and the sorted ledger, once they were looked for.
    package var criticalCPUs: CPUList?
    package var index: LedgerIndex?

    package init(
        facts: HostFacts = HostFacts(), job: Job = Job(),
        whole: Window = Window(nanoseconds: 0, change: Readings()), timeline: [Window] = [],
        coverage: [Coverage] = [], startedAt: Double = 0
    ) {
        self.facts = facts
        self.job = job
        self.whole = whole
        self.timeline = timeline
        self.coverage = coverage
        self.startedAt = startedAt
    }
}

/// What has to be known of the recording that an observation was made of.
package struct RecordingOrigin: Sendable, Equatable {
    /// Stoker's version that recorded.
    package var version: String
    /// What is not as it would have been live, in sentences without a full stop.
    package var notes: [String]

    package init(version: String, notes: [String] = []) {
        self.version = version
        self.notes = notes
    }
}
