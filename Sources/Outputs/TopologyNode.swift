import Host
import Training

extension Page {
    /// One memory node: its memory, its CPUs, what of the job is there, and its devices.
    mutating func writeNode(_ node: NodeFacts, _ map: HostMap) {
        heading("Node \(node.id)")
        entry("memory", memoryText(node, map.memory[node.id]))
        entry("huge pages", hugePageText(map.facts.hugepages.filter { $0.node == node.id }))
        writeCPUs(map.facts.topology.cpus.filter { $0.node == node.id }, map.facts.topology)
        if let text = jobText(onNode: node.id, map) { entry("job", text) }
        writeDevices(map.devices(onNode: node.id), map)
    }

    /// Kernels without memory nodes have CPUs all the same.
    mutating func writeCPUsWithoutNode(_ map: HostMap) {
        heading("CPUs")
        writeCPUs(map.facts.topology.cpus, map.facts.topology)
    }

    private mutating func writeCPUs(_ cpus: [CPUFacts], _ topology: Topology) {
        let running = cpus.filter(\.isOnline)
        if running.isEmpty { entry("CPUs", "none") }
        for (index, group) in coreGroups(running).enumerated() {
            entry(index == 0 ? "CPUs" : "", groupText(group, topology))
        }
        let ids = CPUList(running.map(\.id))
        let marks = [
            ("isolated", topology.isolated.intersection(ids)),
            ("nohz_full", topology.nohzFull.intersection(ids)),
            ("offline", CPUList(cpus.filter { !$0.isOnline }.map(\.id))),
        ]
        for (name, list) in marks where !list.isEmpty { entry(name, list.description) }
    }
}

private func memoryText(_ node: NodeFacts, _ use: NodeUse?) -> String {
    guard node.memoryBytes > 0 else { return "none" }
    var text = bytes(node.memoryBytes)
    text += use?.free.map { ", \(bytes($0)) free" } ?? ", how much is free cannot be read"
    if let huge = use?.anonymousHuge {
        text += ", \(huge > 0 ? bytes(huge) : "nothing") in transparent huge pages"
    }
    return text
}

private func hugePageText(_ pools: [HugepagePool]) -> String {
    let filled = pools.filter { $0.total > 0 || $0.surplus > 0 }
    guard !filled.isEmpty else { return pools.isEmpty ? "no pool" : "none reserved" }
    return filled.map { pool in
        let count = pool.total.magnitude
        return "\(grouped(count)) of \(roundBytes(pool.pageBytes)), "
            + "\(grouped(pool.free.magnitude)) free"
            + (pool.surplus > 0 ? ", \(grouped(pool.surplus.magnitude)) surplus" : "")
    }.joined(separator: "; ")
}

/// Threads that were last seen on the node, and the job's memory there.
private func jobText(onNode id: Int, _ map: HostMap) -> String? {
    let nodes = map.nodeByCPU
    let threads = map.processes.flatMap(\.threads)
        .filter { $0.cpu.flatMap { nodes[$0] } == id }.count
    let memory = map.processes.compactMap(\.facts.memory)
        .reduce(0) { $0 &+ ($1.ownBytes[id] ?? 0) }
    let parts = [
        threads > 0 ? counted(threads, "thread") : "",
        memory > 0 ? "\(bytes(memory)) of its memory" : "",
    ].filter { !$0.isEmpty }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
}

/// CPUs of one package that share one last-level cache.
struct CoreGroup {
    var package: Int?
    var lastLevelCache: Int?
    var cpus: [CPUFacts]
}

/// By package, then by cache.
func coreGroups(_ cpus: [CPUFacts]) -> [CoreGroup] {
    var groups: [CoreGroup] = []
    for cpu in cpus {
        if let index = groups.firstIndex(where: {
            $0.package == cpu.package && $0.lastLevelCache == cpu.lastLevelCache
        }) {
            groups[index].cpus.append(cpu)
        } else {
            groups.append(
                CoreGroup(
                    package: cpu.package, lastLevelCache: cpu.lastLevelCache, cpus: [cpu]))
        }
    }
    return groups.sorted {
        ($0.package ?? -1, $0.cpus.first?.id ?? 0) < ($1.package ?? -1, $1.cpus.first?.id ?? 0)
    }
}

private func groupText(_ group: CoreGroup, _ topology: Topology) -> String {
    var parts = [coreText(group.cpus)]
    if let package = group.package { parts.append("package \(package)") }
    if let first = group.lastLevelCache,
        let cache = topology.caches.last(where: {
            $0.type == "Unified" && $0.cpus.cpus.first == first
        })
    {
        parts.append("L\(cache.level) \(cacheSize(cache.sizeBytes))")
    }
    return parts.joined(separator: " · ")
}

/// CPUs with the hardware threads of one core told apart: `0-55 + siblings 112-167`.
func coreText(_ cpus: [CPUFacts]) -> String {
    let ids = CPUList(cpus.map(\.id))
    var cores = cpus.map { cpu in
        let here = cpu.siblings.intersection(ids)
        return here.isEmpty ? CPUList([cpu.id]) : here
    }
    cores = Set(cores).sorted { ($0.cpus.first ?? 0) < ($1.cpus.first ?? 0) }
    let widths = Set(cores.map(\.count)).sorted(by: >)
    guard widths != [1] else { return ids.description }
    return widths.map { width in
        sameWidth(cores.filter { $0.count == width }, width)
    }.joined(separator: "; ")
}

/// Cores with the same number of hardware threads, in the shortest of three forms.
private func sameWidth(_ cores: [CPUList], _ width: Int) -> String {
    let all = CPUList(cores.flatMap(\.cpus))
    guard width > 1 else { return "\(all.description) alone" }
    let columns = (0..<width).map { column in CPUList(cores.map { $0.cpus[column] }) }
    let isCompact = columns.allSatisfy { $0.rangeCount * 2 <= max(cores.count, 2) }
    if isCompact {
        let siblings = columns.dropFirst().map(\.description).joined(separator: " and ")
        return "\(columns[0].description) + siblings \(siblings)"
    }
    if cores.allSatisfy({ $0.rangeCount == 1 }) {
        let examples = cores.prefix(3).map(\.description).joined(separator: " ")
        return "\(all.description), siblings side by side: \(examples)"
            + (cores.count > 3 ? " …" : "")
    }
    return cores.map(\.description).joined(separator: " ") + " (a core each)"
}

extension CPUList {
    /// Ranges of the kernel's list form.
    var rangeCount: Int {
        zip(cpus, cpus.dropFirst()).reduce(isEmpty ? 0 : 1) { $1.1 == $1.0 + 1 ? $0 : $0 + 1 }
    }

    /// The list form, or its beginning and the number of CPUs where it is long.
    var short: String {
        // What fits beside the other columns of a device.
        let most = 6
        guard rangeCount > most else { return description }
        let ranges = description.split(separator: ",").prefix(most).joined(separator: ",")
        return "\(ranges)… (\(counted(count, "CPU")))"
    }
}
