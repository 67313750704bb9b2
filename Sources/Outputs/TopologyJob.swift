import Host
import Training

extension Page {
    /// Where the threads of the job are, and where its memory is.
    mutating func writeJob(_ map: HostMap) {
        heading("Where the job is now")
        guard !map.processes.isEmpty else { return paragraph(noProcess(map), indent: 2) }
        if map.choice == .found {
            paragraph(
                "Processes that compute on a GPU or have an RDMA adapter open, and their descendants.",
                indent: 2)
        }
        let families = families(of: map.processes)
        for family in families.prefix(mostRows) {
            blank()
            write(family, map)
        }
        let rest = families.dropFirst(mostRows)
        guard !rest.isEmpty else { return }
        blank()
        let processes = rest.flatMap { [$0.head] + $0.below }
        paragraph(
            "and \(counted(processes.count, "more process")), threads "
                + threadsText(processes.flatMap(\.threads), map.nodeByCPU), indent: 2)
    }

    private mutating func write(_ family: Family, _ map: HostMap) {
        let facts = family.head.facts
        let nodes = map.nodeByCPU
        var title = "pid \(facts.pid)"
        if let rank = facts.rank { title += ", rank \(rank)" }
        paragraph(
            "\(title): \(shown(facts.command.isEmpty ? facts.name : facts.command))", indent: 2)
        if let text = gpusText(facts, map) { entry("GPUs", text, indent: 4) }
        entry("threads", threadsText(family.head.threads, nodes), indent: 4)
        entry("may use", allowedText(family.head, map), indent: 4)
        if let text = memoryText([family.head], map) { entry("memory", text, indent: 4) }
        guard !family.below.isEmpty else { return }
        let threads = threadsText(family.below.flatMap(\.threads), nodes)
        entry(
            "below it", "\(counted(family.below.count, "process")), threads \(threads)", indent: 4)
        if let text = memoryText(family.below, map) { entry("memory", text, indent: 4) }
    }
}

/// `nvidia0 (0000:1b:00.0) on node 0`, for each GPU that the process computes on.
private func gpusText(_ process: ProcessFacts, _ map: HostMap) -> String? {
    let texts = process.gpus.map { address in
        let gpu = map.facts.devices.first { $0.address == address }
        let name = gpu?.names.first.map { "\(shown($0)) (\(shown(address)))" } ?? shown(address)
        return name + (gpu?.node.map { " on node \($0)" } ?? ", its node is not known")
    }
    return texts.isEmpty ? nil : texts.joined(separator: ", ")
}

private func noProcess(_ map: HostMap) -> String {
    map.choice == .named
        ? "The processes have ended."
        : "No process is known to compute on a GPU or to have an RDMA adapter open. "
            + "Name a job with --pid or --cgroup."
}

/// A rank with the processes that descend from it, or a process of its own.
private struct Family {
    var head: ProcessPlacement
    var below: [ProcessPlacement] = []
}

/// Ranks with their loaders, by pid; then processes that no rank started, by their threads.
private func families(of processes: [ProcessPlacement]) -> [Family] {
    let parents = Dictionary(
        processes.map { ($0.facts.pid, $0.facts.parent) }, uniquingKeysWith: { $1 })
    let ranks = Set(processes.filter(\.facts.hasDeviceOpen).map(\.facts.pid))
    let byRank = Dictionary(grouping: processes) { process -> Int32 in
        let pid = process.facts.pid
        return ranks.contains(pid) ? pid : rank(above: pid, parents, ranks) ?? 0
    }
    let led = ranks.sorted().compactMap { pid -> Family? in
        let members = byRank[pid] ?? []
        guard let head = members.first(where: { $0.facts.pid == pid }) else { return nil }
        return Family(head: head, below: members.filter { $0.facts.pid != pid })
    }
    let others = (byRank[0] ?? []).sorted {
        ($1.threads.count, $0.facts.pid) < ($0.threads.count, $1.facts.pid)
    }
    return led + others.map { Family(head: $0) }
}

private func rank(above pid: Int32, _ parents: [Int32: Int32], _ ranks: Set<Int32>) -> Int32? {
    var seen: Set<Int32> = []
    var ancestor = parents[pid]
    while let current = ancestor, seen.insert(current).inserted {
        if ranks.contains(current) { return current }
        ancestor = parents[current]
    }
    return nil
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
private func allowedText(_ process: ProcessPlacement, _ map: HostMap) -> String {
    let masks = Dictionary(grouping: process.threads.compactMap(\.allowed)) { $0 }
        .mapValues(\.count)
        .sorted { ($1.value, $0.key.description) < ($0.value, $1.key.description) }
    // More masks than this are told by their number.
    let most = 4
    var parts = masks.prefix(most).map { mask, count in
        let who = masks.count > 1 ? "\(counted(count, "thread")): " : ""
        return who + cpuText(mask, map)
    }
    if masks.count > most {
        let rest = masks.dropFirst(most).reduce(0) { $0 + $1.value }
        parts.append("\(counted(rest, "thread")): \(masks.count - most) other sets of CPUs")
    }
    if let allowed = process.facts.allowedNodes { parts.append("memory of \(nodeText(allowed))") }
    return parts.isEmpty ? "cannot be read" : parts.joined(separator: "; ")
}

/// A set of CPUs and the nodes that it spans.
private func cpuText(_ cpus: CPUList, _ map: HostMap) -> String {
    let nodes = map.nodeByCPU
    let home = Set(cpus.cpus.compactMap { nodes[$0] }).sorted()
    return "CPUs \(cpus.short)" + (home.isEmpty ? "" : " (\(nodeText(home)))")
}

private func nodeText(_ nodes: [Int]) -> String {
    (nodes.count == 1 ? "node " : "nodes ") + CPUList(nodes).description
}

/// `nil` where there is but one node to be on.
private func memoryText(_ processes: [ProcessPlacement], _ map: HostMap) -> String? {
    let known = processes.compactMap(\.facts.memory)
    guard !known.isEmpty else { return map.hasRemoteMemory ? "not read" : nil }
    let byNode = sum(known.map(\.ownBytes)).filter { $0.value > 0 }
    let total = byNode.values.reduce(0, &+)
    guard total > 0 else { return "none" }
    var text = byNode.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { node, count in
        "\(bytes(count)) on node \(node) (\(percent(Double(count) / Double(total))))"
    }.joined(separator: ", ")
    let parts = [("shared", known.map(\.shared)), ("in reserved pages", known.map(\.hugetlb))]
        .map { (name: $0.0, bytes: sum($0.1).values.reduce(0, &+)) }.filter { $0.bytes > 0 }
    if !parts.isEmpty {
        text += "; of it " + parts.map { "\(bytes($0.bytes)) \($0.name)" }.joined(separator: ", ")
    }
    let bound = sum(known.map(\.policies)).filter { $0.key != "default" && $0.value > 0 }
        .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    if !bound.isEmpty {
        // The kernel's sums by policy have the contents of files in them.
        let policies = bound.prefix(3).map { "\(shown($0.key)) for \(bytes($0.value))" }
        text += "; policy \(policies.joined(separator: ", ")) with file contents"
    }
    if known.contains(where: { $0.gap != nil }) || known.count < processes.count {
        text += "; not all was read"
    }
    return text
}

private func sum<Key>(_ parts: [[Key: UInt64]]) -> [Key: UInt64] {
    parts.reduce(into: [:]) { sum, part in sum.merge(part) { $0 &+ $1 } }
}
