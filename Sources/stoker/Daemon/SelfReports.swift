import Daemon
import Outputs
import Serving

extension SelfReport {
    /// What each room says of itself, put together.
    init(
        _ own: OwnReport, _ http: ServerCounters, _ history: DaemonHistory.Status, budget: Double
    ) {
        self.init()
        version = stoker.version
        probes = own.probes.map {
            Probe(
                probe: $0.probe, hook: $0.hook, isAttached: $0.isAttached, runs: $0.runs,
                seconds: $0.seconds)
        }
        isEstimated = own.estimated != nil
        mapBytes = own.mapBytes
        cpuSeconds = own.usage.cpuSeconds
        residentBytes = own.usage.residentBytes
        descriptors = own.usage.descriptors
        overhead = own.overhead
        self.budget = budget
        leftOut = own.leftOut
        luxuries = Luxury.allCases.map(\.name)
        tickSeconds = own.tickSeconds
        self.http = HTTP(http)
        if history.isWanted { self.history = History(history) }
    }
}

extension SelfReport.HTTP {
    init(_ counters: ServerCounters) {
        self.init()
        requests = counters.requests.map {
            SelfReport.Requests(
                path: $0.key.path.rawValue, status: $0.key.status, count: $0.value)
        }.sorted { ($0.path, $0.status) < ($1.path, $1.status) }
        openConnections = counters.openConnections
        acceptedConnections = counters.acceptedConnections
        refusedConnections = counters.refusedConnections
        droppedConnections = counters.droppedConnections
        sentBytes = counters.sentBytes
        passwordChecks = counters.passwordChecks
    }
}

extension SelfReport.History {
    init(_ status: DaemonHistory.Status) {
        self.init()
        isRecording = status.trouble == nil
        bytes = status.bytes
        segments = status.segments
        missedTicks = status.missed
    }
}
