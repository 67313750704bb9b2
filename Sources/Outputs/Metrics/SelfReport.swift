/// What the daemon says of itself, as plain values.
package struct SelfReport: Sendable, Equatable {
    package struct Probe: Sendable, Equatable {
        package var probe: String
        package var hook: String
        package var isAttached: Bool
        /// Since the start; measured, or estimated from how often the hook was passed.
        package var runs: Double
        package var seconds: Double

        package init(
            probe: String, hook: String, isAttached: Bool, runs: Double, seconds: Double
        ) {
            self.probe = probe
            self.hook = hook
            self.isAttached = isAttached
            self.runs = runs
            self.seconds = seconds
        }
    }

    package struct Requests: Sendable, Equatable {
        package var path: String
        package var status: Int
        package var count: UInt64

        package init(path: String, status: Int, count: UInt64) {
            self.path = path
            self.status = status
            self.count = count
        }
    }

    package struct HTTP: Sendable, Equatable {
        package var requests: [Requests] = []
        package var openConnections = 0
        package var acceptedConnections: UInt64 = 0
        package var refusedConnections: UInt64 = 0
        package var droppedConnections: UInt64 = 0
        package var sentBytes: UInt64 = 0
        package var passwordChecks: UInt64 = 0

        package init() {}
    }

    package struct History: Sendable, Equatable {
        package var isRecording = false
        package var bytes: UInt64 = 0
        package var segments = 0
        package var missedTicks: UInt64 = 0

        package init() {}
    }

    package var version = ""
    package var probes: [Probe] = []
    /// The kernel does not let probes be measured.
    package var isEstimated = false
    package var mapBytes: UInt64 = 0
    package var cpuSeconds = 0.0
    package var residentBytes: UInt64 = 0
    package var descriptors = 0
    /// Shares of the host's CPU time: used, averaged, and allowed.
    package var overhead = 0.0
    package var budget = 0.0
    /// What is left out to keep to the budget, and what else could be.
    package var leftOut: [String] = []
    package var luxuries: [String] = []
    package var tickSeconds = 0.0
    package var http = HTTP()
    /// `nil` where none is wanted.
    package var history: History?

    package init() {}
}
