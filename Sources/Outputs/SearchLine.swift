import Host
import Training

/// How the watched processes were found, and what was left out; `nil` where they were named, and
/// where there was nothing to find.
func searchLine(_ observation: Observation) -> String? {
    guard let search = observation.job.search else { return nil }
    var parts: [String] = []
    if !search.ranks.isEmpty {
        parts.append(
            "Found by what they have open: \(counted(search.ranks.count, "process")) that "
                + "\(search.ranks.count == 1 ? "computes" : "compute") on a GPU")
    }
    if !search.bystanders.isEmpty {
        // More than these help nobody.
        let most = 3
        let names = search.bystanders.prefix(most).map { bystander in
            "\(shown(bystander.name)) (pid \(bystander.pid), \(words(bystander.reason)))"
        }
        let rest = search.bystanders.count - most
        parts.append(
            "left out: " + names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : ""))
    }
    if hasGPUs(observation), search.refused > 0 {
        parts.append(
            "\(counted(search.refused, "process")) of others could not be asked: run as root")
    }
    if search.isPartial { parts.append("too many open files to look at every process") }
    return parts.isEmpty ? nil : parts.joined(separator: "; ") + "."
}

private func words(_ reason: TrainingSearch.Reason) -> String {
    switch reason {
    case .noContext: "has a GPU open and computes on none"
    case .idle: "idle"
    }
}

private func hasGPUs(_ observation: Observation) -> Bool {
    observation.facts.devices.contains { $0.kind == .gpu }
}

/// The same for programs; null where the processes were named.
func search(_ job: Job) -> JSON {
    guard let search = job.search else { return .null }
    return .object([
        ("ranks", .array(search.ranks.sorted().map { JSON($0) })),
        ("bystanders", .array(search.bystanders.map(bystander))),
        ("refused", JSON(search.refused)),
        ("partial", .bool(search.isPartial)),
    ])
}

private func bystander(_ bystander: TrainingSearch.Bystander) -> JSON {
    .object([
        ("pid", JSON(bystander.pid)), ("name", .string(bystander.name)),
        ("reason", .string(bystander.reason.rawValue)),
    ])
}
