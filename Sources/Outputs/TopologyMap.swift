import Host

/// The map for a person: node by node what lies there, then where the job is.
package func topologyMap(_ map: HostMap, style: TextStyle = .plain) -> String {
    var page = Page(style)
    page.writeHost(map.facts)
    for node in map.facts.topology.nodes { page.writeNode(node, map) }
    if map.facts.topology.nodes.isEmpty { page.writeCPUsWithoutNode(map) }
    page.writeDevicesElsewhere(map)
    page.writePortsElsewhere(map)
    page.writeJob(map)
    page.writeGaps(map)
    return page.text
}

extension Page {
    /// The column of labels inside of a node and a process.
    var labels: Int { 12 }

    /// A labelled line of a block.
    mutating func entry(_ label: String, _ text: String, indent: Int = 2) {
        paragraph(text, indent: indent, label: label, labelWidth: labels, tint: .dim)
    }

    fileprivate mutating func writeHost(_ facts: HostFacts) {
        let topology = facts.topology
        let running = topology.cpus.filter(\.isOnline)
        let cores = Set(running.map { $0.siblings.cpus.first ?? $0.id }).count
        let packages = Set(running.compactMap(\.package)).count
        let name = [
            shown(facts.hostname), facts.kernel.isEmpty ? "" : "Linux \(shown(facts.kernel))",
            facts.isVirtualMachine == true ? "virtual machine" : "",
        ]
        let size = [
            counted(running.count, "CPU"), counted(cores, "core"),
            packages > 0 ? counted(packages, "package") : "",
            topology.nodes.isEmpty ? "" : counted(topology.nodes.count, "NUMA node"),
            facts.memoryTotalBytes > 0 ? bytes(facts.memoryTotalBytes) : "",
        ]
        for parts in [name, size] {
            let text = parts.filter { !$0.isEmpty }.joined(separator: " · ")
            if !text.isEmpty { paragraph(text, tint: .bold) }
        }
        blank()
        let caches = wrapped(cacheTexts(topology.caches), gap: 3, to: width - labels)
        for (index, line) in caches.enumerated() where !line.isEmpty {
            let label = Cell(text: index == 0 ? "caches" : "", width: labels - 1, tint: .dim)
            row([label, Cell(text: line)], indent: 0)
        }
        writeDistances(topology.nodes)
    }

    /// How far the memory of each node (column) is from the CPUs of each (row); 10 is its own.
    private mutating func writeDistances(_ nodes: [NodeFacts]) {
        guard nodes.count > 1, nodes.allSatisfy({ $0.distances.count == nodes.count }) else {
            return
        }
        let cells = nodes.map { Cell(text: "\($0.id)", width: 4, isRight: true, tint: .dim) }
        row([Cell(text: "distances", width: labels, tint: .dim)] + cells, indent: 0)
        for node in nodes {
            let name = Cell(text: "node \(node.id)", width: labels, isRight: true, tint: .dim)
            let distances = node.distances.map {
                Cell(text: "\($0)", width: 4, isRight: true)
            }
            row([name] + distances, indent: 0)
        }
    }

    fileprivate mutating func writeGaps(_ map: HostMap) {
        let gaps = map.gaps
        guard !gaps.isEmpty else { return }
        heading("Not seen")
        for gap in gaps { entry(gap.what, gap.why) }
    }
}

/// `96 × L1d 32 KiB of 2 CPUs`, `12 × L3 32 MiB of 16 CPUs`: number, size and who shares it.
private func cacheTexts(_ caches: [CacheFacts]) -> [String] {
    struct Sort: Hashable {
        var level: Int
        var type: String
        var sizeBytes: UInt64
    }
    let sorts = Dictionary(grouping: caches) {
        Sort(level: $0.level, type: $0.type, sizeBytes: $0.sizeBytes)
    }
    return sorts.sorted {
        ($0.key.level, $0.key.type, $0.key.sizeBytes) < (
            $1.key.level, $1.key.type, $1.key.sizeBytes
        )
    }.map { sort, caches in
        let name = cacheName(level: sort.level, type: sort.type)
        let sharers = caches.map(\.cpus.count)
        let (least, most) = (sharers.min() ?? 0, sharers.max() ?? 0)
        let cpus = least == most ? counted(most, "CPU") : "\(least) to \(most) CPUs"
        return "\(caches.count) × \(name) \(cacheSize(sort.sizeBytes)) of \(cpus)"
    }
}

/// `L1d`, `L1i`, `L3`
private func cacheName(level: Int, type: String) -> String {
    switch type {
    case "Data": "L\(level)d"
    case "Instruction": "L\(level)i"
    default: "L\(level)"
    }
}

func cacheSize(_ count: UInt64) -> String { count > 0 ? roundBytes(count) : "of unknown size" }

/// An amount of memory that is a round number mostly: `2 MiB` where `bytes` says `2.0 MiB`.
func roundBytes(_ count: UInt64) -> String {
    bytes(count).split(separator: ".0 ").joined(separator: " ")
}
