import Host
import Training

extension Page {
    /// Where the threads of the job are, and where its memory is.
    mutating func writeJob(_ map: HostMap) {
        heading("Where the job is now")
        guard !map.processes.isEmpty else {
            let why =
                map.choice == .named
                ? "The processes have ended."
                : "No process is known to have a GPU or an RDMA adapter open. "
                    + "Name a job with --pid or --cgroup."
            return paragraph(why, indent: 2)
        }
        if map.choice == .found {
            paragraph(
                "Processes that have a GPU or an RDMA adapter open, and their descendants.",
                indent: 2)
        }
        let nodes = map.nodeByCPU
        let ranked = map.processes.sorted { importance($0) > importance($1) }
        for process in ranked.prefix(mostRows) {
            blank()
            write(process, nodes, nodeCount: map.facts.topology.nodes.count)
        }
        let rest = ranked.dropFirst(mostRows)
        guard !rest.isEmpty else { return }
        blank()
        let threads = rest.flatMap(\.threads)
        paragraph(
            "and \(counted(rest.count, "more process")), threads "
                + threadsText(threads, nodes), indent: 2)
    }

    private mutating func write(
        _ process: ProcessPlacement, _ nodes: [Int: Int], nodeCount: Int
    ) {
        let facts = process.facts
        var title = "pid \(facts.pid)"
        if let rank = facts.rank { title += ", rank \(rank)" }
        paragraph(
            "\(title): \(shown(facts.command.isEmpty ? facts.name : facts.command))", indent: 2)
        entry("threads", threadsText(process.threads, nodes), indent: 4)
        entry("may use", allowedText(process, nodes), indent: 4)
        if let text = memoryText(facts, nodeCount: nodeCount) { entry("memory", text, indent: 4) }
    }
}

/// Ranks first, then processes with many threads.
private func importance(_ process: ProcessPlacement) -> (Int, Int, Int32) {
    (process.facts.hasDeviceOpen ? 1 : 0, process.threads.count, -process.facts.pid)
}

/// `48: 40 on node 0 (CPUs 0-7,9), 8 on node 1 (CPUs 56-60)`, by the CPU each was on last.
private func threadsText(_ threads: [ThreadPlacement], _ nodes: [Int: Int]) -> String {
    let groups = Dictionary(grouping: threads) { $0.cpu.flatMap { nodes[$0] } ?? -1 }
        .sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
    let places = groups.map { node, members in
        let cpus = CPUList(members.compactMap(\.cpu))
        let place = node >= 0 ? "on node \(node)" : "on a node that is not known"
        return cpus.isEmpty
            ? place : "\(place) (\(cpus.count == 1 ? "CPU" : "CPUs") \(cpus.short))"
    }
    switch groups.count {
    case 0: return "ended"
    case 1: return "\(threads.count)\(threads.count > 1 ? ", all" : ",") \(places[0])"
    default:
        let parts = zip(groups, places).map { "\($0.value.count) \($1)" }
        return "\(threads.count): " + parts.joined(separator: ", ")
    }
}

/// The CPUs that threads may use, by how many threads may use them, and the nodes of the memory.
private func allowedText(_ process: ProcessPlacement, _ nodes: [Int: Int]) -> String {
    let masks = Dictionary(grouping: process.threads.compactMap(\.allowed)) { $0 }
        .mapValues(\.count)
        .sorted { ($1.value, $0.key.description) < ($0.value, $1.key.description) }
    // More masks than this are told by their number.
    let most = 4
    var parts = masks.prefix(most).map { mask, count in
        let home = Set(mask.cpus.compactMap { nodes[$0] }).sorted()
        let place = home.isEmpty ? "" : " (\(nodeText(home)))"
        let who = masks.count > 1 ? "\(counted(count, "thread")): " : ""
        return "\(who)CPUs \(mask.short)\(place)"
    }
    if masks.count > most {
        let rest = masks.dropFirst(most).reduce(0) { $0 + $1.value }
        parts.append("\(counted(rest, "thread")): \(masks.count - most) other sets of CPUs")
    }
    if let allowed = process.facts.allowedNodes { parts.append("memory of \(nodeText(allowed))") }
    return parts.isEmpty ? "cannot be read" : parts.joined(separator: "; ")
}

private func nodeText(_ nodes: [Int]) -> String {
    (nodes.count == 1 ? "node " : "nodes ") + CPUList(nodes).description
}

/// `nil` where there is but one node to be on.
private func memoryText(_ facts: ProcessFacts, nodeCount: Int) -> String? {
    guard let memory = facts.memory else { return nodeCount > 1 ? "not read" : nil }
    let byNode = memory.bytesByNode.filter { $0.value > 0 }
    let total = byNode.values.reduce(0, &+)
    guard total > 0 else { return "none" }
    var text = byNode.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { node, count in
        "\(bytes(count)) on node \(node) (\(percent(Double(count) / Double(total))))"
    }.joined(separator: ", ")
    let parts = [
        ("shared", memory.shared), ("in reserved pages", memory.hugetlb),
    ].map { ($0.0, $0.1.values.reduce(0, &+)) }.filter { $0.1 > 0 }
    if !parts.isEmpty {
        text += "; of it " + parts.map { "\(bytes($0.1)) \($0.0)" }.joined(separator: ", ")
    }
    let bound = memory.policies.filter { $0.key != "default" && $0.value > 0 }
        .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    for (policy, count) in bound.prefix(3) { text += "; \(bytes(count)) under \(shown(policy))" }
    if memory.gap != nil { text += "; not all was read" }
    return text
}
