import Rules
import Signals

// What was found, and what Stoker says of itself.
let findingFamilies = [
    MetricFamily(
        "stoker_finding_active", .gauge, ["rule", "severity"], most: 80,
        "Whether a finding is raised now; there is a series for each that was since the start."),
    MetricFamily(
        "stoker_finding_cost_ratio", .gauge, ["rule"], most: 80,
        "Share of the launch threads' time that the finding explains, where there are some; else thread-seconds per second."
    ),
    MetricFamily(
        "stoker_host_cost_ratio", .gauge,
        "Share of the launch threads' time that findings of warning or above explain together."),
    MetricFamily(
        "stoker_verdict", .gauge, ["verdict"], most: 4,
        "1 for the verdict that holds: host-bound, not-host, healthy or unknown."),
]

let selfFamilies = [
    MetricFamily("stoker_build_info", .gauge, ["version"], most: 1, "What runs here."),
    MetricFamily(
        "stoker_signal_up", .gauge, ["signal"], most: allSignals.count,
        "Whether a signal could be read at the last tick; its series are missing or stand still when it could not."
    ),
    MetricFamily(
        "stoker_lost_events_total", .counter, ["probe"], most: allSignals.count,
        "Events that happened and were not counted where they belong, by signal."),
    MetricFamily(
        "stoker_probe_attached", .gauge, ["probe", "hook"], most: 48,
        "Whether a probe is attached to its hook."),
    MetricFamily(
        "stoker_probe_seconds_total", .counter, ["probe", "hook"], most: 48,
        "CPU time that probes took."),
    MetricFamily(
        "stoker_probe_events_total", .counter, ["probe", "hook"], most: 48,
        "Times that probes ran."),
    MetricFamily(
        "stoker_probe_cost_estimated", .gauge,
        "1 where the kernel does not let probes be measured: then events are counted by other means, and each is taken to cost what it did where Stoker was measured."
    ),
    MetricFamily("stoker_map_bytes", .gauge, "Kernel memory of the probes' maps."),
    MetricFamily(
        "stoker_self_cpu_seconds_total", .counter,
        "CPU time of the daemon and the process that asks the GPUs."),
    MetricFamily("stoker_self_resident_bytes", .gauge, "Resident memory of the daemon."),
    MetricFamily("stoker_self_descriptors", .gauge, "Open file descriptors of the daemon."),
    MetricFamily(
        "stoker_self_overhead_ratio", .gauge,
        "Share of the host's CPU time that Stoker and its probes take, averaged over ten ticks."),
    MetricFamily(
        "stoker_self_overhead_budget_ratio", .gauge,
        "Share that they may take; see overhead.budget."),
    MetricFamily(
        "stoker_self_left_out", .gauge, ["part"], most: 12,
        "1 for what is left out to keep to the overhead budget."),
    MetricFamily("stoker_self_tick_seconds", .gauge, "How long the last tick took."),
    MetricFamily("stoker_self_ticks_total", .counter, "Ticks since the start."),
    MetricFamily(
        "stoker_http_requests_total", .counter, ["path", "status"], most: 60,
        "Requests that were answered."),
    MetricFamily("stoker_http_open_connections", .gauge, "Connections that are open."),
    MetricFamily(
        "stoker_http_connections_total", .counter, ["outcome"], most: 3,
        "Connections that were accepted, refused for want of room, and dropped for being slow."),
    MetricFamily("stoker_http_sent_bytes_total", .counter, "Bytes of bodies that were sent."),
    MetricFamily("stoker_http_password_checks_total", .counter, "Passwords that were checked."),
    MetricFamily("stoker_history_recording", .gauge, "Whether ticks are put on record now."),
    MetricFamily("stoker_history_bytes", .gauge, "Size of the history on disk."),
    MetricFamily("stoker_history_segments", .gauge, "Files of the history."),
    MetricFamily(
        "stoker_history_missed_ticks_total", .counter, "Ticks that are not on record."),
]

/// The last one: what the others had no room for.
let droppedFamily = MetricFamily(
    "stoker_exposition_dropped_series_total", .counter, ["family"], most: 100,
    "Series that a scrape had no room for, added up over ticks with a scrape.")

func findingSamples(_ family: String, _ snapshot: MetricsSnapshot) -> [MetricSample]? {
    let diagnosis = snapshot.look?.diagnosis
    switch family {
    case "stoker_finding_active":
        let active = Set((diagnosis?.findings ?? []).map { [$0.rule, $0.severity.rawValue] })
        return snapshot.counters.rules.sorted { $0.lexicographicallyPrecedes($1) }
            .map { MetricSample($0, .number(active.contains($0) ? 1 : 0)) }
    case "stoker_finding_cost_ratio":
        var costs: [String: Double] = [:]
        for rule in snapshot.counters.rules { costs[rule[0]] = 0 }
        for finding in diagnosis?.findings ?? [] {
            let cost = finding.cost.launchShare ?? finding.cost.threadSecondsPerSecond
            if let cost { costs[finding.rule, default: 0] += cost }
        }
        return costs.sorted { $0.key < $1.key }.map { MetricSample([$0.key], .number($0.value)) }
    case "stoker_host_cost_ratio":
        return diagnosis.map { [MetricSample([], .number(hostShare($0)))] } ?? []
    case "stoker_verdict":
        guard let verdict = diagnosis?.verdict else { return [] }
        return [Diagnosis.Verdict.hostBound, .notHost, .healthy, .unknown].map {
            MetricSample([$0.rawValue], .number($0 == verdict ? 1 : 0))
        }
    default: return nil
    }
}

func selfSamples(_ family: String, _ snapshot: MetricsSnapshot) -> [MetricSample]? {
    let own = snapshot.own
    func one(_ value: Double) -> [MetricSample] { [MetricSample([], .number(value))] }
    func probes(_ value: (SelfReport.Probe) -> Double) -> [MetricSample] {
        own.probes.map { MetricSample([$0.probe, $0.hook], .number(value($0))) }
    }
    return switch family {
    case "stoker_build_info": [MetricSample([own.version], .number(1))]
    case "stoker_signal_up":
        (snapshot.look?.step.change.coverage(of: allSignals) ?? []).map {
            MetricSample([$0.signal], .number($0.state == .missing ? 0 : 1))
        }
    case "stoker_probe_attached": probes { $0.isAttached ? 1 : 0 }
    case "stoker_probe_seconds_total": probes(\.seconds)
    case "stoker_probe_events_total": probes(\.runs)
    case "stoker_probe_cost_estimated": one(own.isEstimated ? 1 : 0)
    case "stoker_map_bytes": one(Double(own.mapBytes))
    case "stoker_self_cpu_seconds_total": one(own.cpuSeconds)
    case "stoker_self_resident_bytes": one(Double(own.residentBytes))
    case "stoker_self_descriptors": one(Double(own.descriptors))
    case "stoker_self_overhead_ratio": one(own.overhead)
    case "stoker_self_overhead_budget_ratio": one(own.budget)
    case "stoker_self_left_out":
        own.luxuries.map { MetricSample([$0], .number(own.leftOut.contains($0) ? 1 : 0)) }
    case "stoker_self_tick_seconds": one(own.tickSeconds)
    case "stoker_self_ticks_total": one(Double(snapshot.counters.ticks))
    default: httpSamples(family, own.http) ?? historySamples(family, own.history)
    }
}

private func httpSamples(_ family: String, _ http: SelfReport.HTTP) -> [MetricSample]? {
    switch family {
    case "stoker_http_requests_total":
        http.requests.map { MetricSample([$0.path, "\($0.status)"], .number(Double($0.count))) }
    case "stoker_http_open_connections":
        [MetricSample([], .number(Double(http.openConnections)))]
    case "stoker_http_connections_total":
        [
            MetricSample(["accepted"], .number(Double(http.acceptedConnections))),
            MetricSample(["refused"], .number(Double(http.refusedConnections))),
            MetricSample(["dropped"], .number(Double(http.droppedConnections))),
        ]
    case "stoker_http_sent_bytes_total": [MetricSample([], .number(Double(http.sentBytes)))]
    case "stoker_http_password_checks_total":
        [MetricSample([], .number(Double(http.passwordChecks)))]
    default: nil
    }
}

private func historySamples(
    _ family: String, _ history: SelfReport.History?
) -> [MetricSample]? {
    let value: Double? =
        switch family {
        case "stoker_history_recording": history.map { $0.isRecording ? 1 : 0 }
        case "stoker_history_bytes": history.map { Double($0.bytes) }
        case "stoker_history_segments": history.map { Double($0.segments) }
        case "stoker_history_missed_ticks_total": history.map { Double($0.missedTicks) }
        default: nil
        }
    return value.map { [MetricSample([], .number($0))] }
}
