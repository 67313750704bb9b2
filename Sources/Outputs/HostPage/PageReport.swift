package import Rules
package import Training

/// The last look of the daemon, as the page shows it.
package struct PageReport: Sendable {
    package var observation: Observation
    package var diagnosis: Diagnosis
    /// Since when each finding is there, seconds since 1970, in their order; may be empty.
    package var since: [Double]
    /// The catalogue; it lends titles and explanations.
    package var rules: [Rule]

    package init(
        _ observation: Observation, _ diagnosis: Diagnosis, since: [Double] = [],
        rules: [Rule] = []
    ) {
        self.observation = observation
        self.diagnosis = diagnosis
        self.since = since
        self.rules = rules
    }
}

/// What the page says of the daemon itself.
package struct PageAbout: Sendable, Equatable {
    package var host: String
    package var version: String
    /// Seconds since 1970.
    package var now: Double
    /// Between two looks of the daemon.
    package var tickSeconds: Double
    /// Why the daemon is not ready, or sees less than it could; empty when all is well.
    package var notes: [String]

    package init(
        host: String, version: String, now: Double, tickSeconds: Double = 1, notes: [String] = []
    ) {
        self.host = host
        self.version = version
        self.now = now
        self.tickSeconds = tickSeconds
        self.notes = notes
    }
}
