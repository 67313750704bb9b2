extension Topology {
    private static let cpuFolder = "/sys/devices/system/cpu"
    private static let nodeFolder = "/sys/devices/system/node"

    package static func read(from host: Host) -> Topology {
        var topology = Topology()
        let ids = host.numbered("cpu", in: cpuFolder)
        topology.online = list("online", host) ?? CPUList(ids)
        topology.isolated = list("isolated", host) ?? CPUList([])
        topology.nohzFull = list("nohz_full", host) ?? CPUList([])
        topology.smtControl = host.line("\(cpuFolder)/smt/control")
        topology.nodes = host.numbered("node", in: nodeFolder).map { node($0, host) }
        let nodes = nodeByCPU(topology.nodes)
        var caches: [Int: Int] = [:]
        for id in ids {
            var cpu = CPUFacts(id: id)
            cpu.isOnline = topology.online.contains(id)
            describe(&cpu, host)
            cpu.node = nodes[id] ?? host.numbered("node", in: "\(cpuFolder)/cpu\(id)").first
            if cpu.isOnline && caches[id] == nil {
                let sharers = lastLevelSharers(of: id, host)
                for other in sharers.cpus { caches[other] = sharers.cpus.first }
            }
            cpu.lastLevelCache = cpu.isOnline ? caches[id] : nil
            topology.cpus.append(cpu)
        }
        return topology
    }

    /// Fills in core, package and siblings. An offline CPU has no such files.
    private static func describe(_ cpu: inout CPUFacts, _ host: Host) {
        let folder = "\(cpuFolder)/cpu\(cpu.id)/topology"
        cpu.core = known(host.number("\(folder)/core_id"))
        cpu.package = known(host.number("\(folder)/physical_package_id"))
        let siblings = host.line("\(folder)/thread_siblings_list") ?? ""
        cpu.siblings = CPUList(parsing: siblings) ?? CPUList([])
    }

    /// CPUs that share the unified cache of the highest level; empty when none is described.
    private static func lastLevelSharers(of id: Int, _ host: Host) -> CPUList {
        let folder = "\(cpuFolder)/cpu\(id)/cache"
        var highest: Int64 = 0
        var sharers = CPUList([])
        for index in host.numbered("index", in: folder) {
            let cache = "\(folder)/index\(index)"
            guard host.line("\(cache)/type") == "Unified",
                let level = host.number("\(cache)/level"), level > highest,
                let shared = CPUList(parsing: host.line("\(cache)/shared_cpu_list") ?? ""),
                shared.contains(id)
            else { continue }
            (highest, sharers) = (level, shared)
        }
        return sharers
    }

    private static func node(_ id: Int, _ host: Host) -> NodeFacts {
        let folder = "\(nodeFolder)/node\(id)"
        let distances = (host.line("\(folder)/distance") ?? "").split(separator: " ")
        return NodeFacts(
            id: id,
            cpus: CPUList(parsing: host.line("\(folder)/cpulist") ?? "") ?? CPUList([]),
            memoryBytes: memoryTotal("\(folder)/meminfo", host),
            distances: distances.compactMap { Int($0) })
    }

    /// Lines read `Node 0 MemTotal:  1024 kB`.
    private static func memoryTotal(_ path: String, _ host: Host) -> UInt64 {
        guard let bytes = try? host.bytes(path) else { return 0 }
        var text = KernelText(bytes)
        while text.nextLine() {
            guard text.skip("Node"), text.word() != nil, text.skip("MemTotal:") else { continue }
            return (text.number() ?? 0) &* 1024
        }
        return 0
    }

    private static func nodeByCPU(_ nodes: [NodeFacts]) -> [Int: Int] {
        var byCPU: [Int: Int] = [:]
        for node in nodes { for cpu in node.cpus.cpus { byCPU[cpu] = node.id } }
        return byCPU
    }

    /// The kernel writes `(null)` or an empty line for an empty `nohz_full`.
    private static func list(_ file: String, _ host: Host) -> CPUList? {
        host.line("\(cpuFolder)/\(file)").flatMap { CPUList(parsing: $0) }
    }

    private static func known(_ number: Int64?) -> Int? {
        number.flatMap { $0 >= 0 ? Int($0) : nil }
    }
}

extension Host {
    /// The numbers of entries such as `cpu0`, `node12`, ascending.
    package func numbered(_ prefix: String, in folder: String) -> [Int] {
        names(in: folder)
            .compactMap { $0.hasPrefix(prefix) ? Int($0.dropFirst(prefix.count)) : nil }
            .filter { $0 >= 0 }
            .sorted()
    }

    /// The word in brackets of `always [madvise] never`; the whole line when there is none.
    package func choice(_ path: String) -> String? {
        guard let line = line(path), !line.isEmpty else { return nil }
        guard let open = line.firstIndex(of: "["),
            let close = line[open...].firstIndex(of: "]")
        else { return line }
        return String(line[line.index(after: open)..<close])
    }
}
