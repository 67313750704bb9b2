import Host
package import Rules
import Signals
package import Training

/// The report for programs, schema `stoker.report/1`: keys are added, never renamed or removed.
package func jsonReport(
    _ observation: Observation, _ diagnosis: Diagnosis, version: String
) -> String {
    let isHost = observation.job.scope == .host
    let threads = try? observation.threads()
    return JSON.object([
        ("schema", .string("stoker.report/1")),
        ("version", .string(version)),
        ("host", host(observation)),
        ("window", window(observation)),
        ("recording", recording(observation)),
        ("scope", .string(observation.job.scope.rawValue)),
        ("search", search(observation.job)),
        ("method", JSON(threads?.method.rawValue)),
        ("coverage", .array(observation.coverage.map(coverage))),
        ("training", .array(isHost ? [] : training(observation, threads))),
        ("processes", .array(isHost ? processes(observation, threads) : [])),
        ("cpus", .array(cpus(observation))),
        ("runQueueWaits", runQueueWaits(observation)),
        ("numa", numa(observation)),
        ("fabric", fabric(observation)),
        ("pcie", pcie(observation)),
        ("gpus", gpus(observation, diagnosis)),
        ("verdict", .string(diagnosis.verdict.rawValue)),
        ("findings", .array(diagnosis.findings.map(finding))),
        ("excluded", .array(diagnosis.excluded.map(excluded))),
        ("unchecked", .array(diagnosis.unchecked.map(unchecked))),
    ]).pretty
}

private func host(_ observation: Observation) -> JSON {
    let facts = observation.facts
    return .object([
        ("name", .string(facts.hostname)),
        ("kernel", .string(facts.kernel)),
        ("cpus", JSON(cpuCount(observation))),
        ("numaNodes", JSON(facts.topology.nodes.count)),
        ("gpus", JSON(observation.facts.gpus.count)),
    ])
}

/// `null` for what was seen just now.
private func recording(_ observation: Observation) -> JSON {
    guard let recording = observation.recording else { return .null }
    return .object([
        ("version", .string(recording.version)), ("notes", JSON(recording.notes)),
    ])
}

private func window(_ observation: Observation) -> JSON {
    let seconds = observation.whole.seconds
    return .object([
        ("start", .string(utcTime(observation.startedAt) + "Z")),
        ("end", .string(utcTime(observation.startedAt + seconds) + "Z")),
        ("seconds", .number(seconds)),
    ])
}

/// Waits of watched threads for a CPU: how many, and how many of them up to which time,
/// each bound twice the one before.
private func runQueueWaits(_ observation: Observation) -> JSON {
    let slots = (try? observation.whole(CPUs.self).allWaits) ?? []
    return .object([
        ("count", JSON(slots.reduce(0, &+))),
        ("firstUpperSeconds", .number(1 / Double(1 << 29))),
        ("counts", .array(slots.map { JSON($0) })),
    ])
}

private func coverage(_ coverage: Coverage) -> JSON {
    .object([
        ("signal", .string(coverage.signal)),
        ("state", .string(coverage.state.rawValue)),
        ("reason", JSON(coverage.reason)),
        ("lost", JSON(coverage.lost)),
    ])
}

private func finding(_ finding: Finding) -> JSON {
    .object([
        ("rule", .string(finding.rule)),
        ("cause", .string(finding.cause.rawValue)),
        ("severity", .string(finding.severity.rawValue)),
        ("confidence", .string(finding.confidence.rawValue)),
        ("summary", .string(finding.summary)),
        ("cost", cost(finding.cost)),
        ("culprit", finding.culprit.map(culprit) ?? .null),
        ("affected", .array(finding.affected.map(affected))),
        ("evidence", .array(finding.evidence.map(evidence))),
        ("fix", fix(finding.fix)),
        ("verify", .string(finding.verify)),
    ])
}

private func cost(_ cost: Cost) -> JSON {
    .object([
        ("threadSecondsPerSecond", JSON(cost.threadSecondsPerSecond)),
        ("launchShare", JSON(cost.launchShare)),
        ("gpuIdleShare", JSON(cost.gpuIdleShare)),
    ])
}

func culprit(_ culprit: FindingCulprit) -> JSON {
    .object([
        ("kind", .string(culprit.kind.rawValue)),
        ("id", .string(culprit.id)),
        ("name", .string(culprit.name)),
    ])
}

private func affected(_ affected: Affected) -> JSON {
    .object([
        ("pid", JSON(affected.pid)),
        ("tid", JSON(affected.tid)),
        ("role", .string(affected.role.rawValue)),
    ])
}

private func evidence(_ evidence: Evidence) -> JSON {
    .object([
        ("name", .string(evidence.name)),
        ("value", .number(evidence.value)),
        ("unit", .string(evidence.unit)),
        ("threshold", JSON(evidence.threshold)),
        ("source", JSON(evidence.source)),
    ])
}

private func fix(_ fix: Fix) -> JSON {
    .object([
        ("commands", JSON(fix.commands)),
        ("persist", JSON(fix.persist)),
        ("rollback", JSON(fix.rollback)),
        ("risk", .string(fix.risk)),
        ("needsReboot", .bool(fix.needsReboot)),
        ("managedBy", JSON(fix.managedBy)),
    ])
}

private func excluded(_ excluded: Excluded) -> JSON {
    .object([
        ("cause", .string(excluded.cause.rawValue)),
        ("upperBound", .number(excluded.upperBound)),
    ])
}

private func unchecked(_ unchecked: Unchecked) -> JSON {
    .object([("rule", .string(unchecked.rule)), ("reason", .string(unchecked.reason))])
}
