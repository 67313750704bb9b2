extension Topology {
    private static let cpuFolder = "/sys/devices/system/cpu"
    private static let nodeFolder = "/sys/devices/system/node"

    /// The CPUs online now; `nil` where the kernel has no such list.
    package static func online(on host: Host) -> CPUList? { list("online", host) }

    package static func read(from host: Host) -> Topology {
        var topology = Topology()
        let ids = host.numbered("cpu", in: cpuFolder)
        topology.online = online(on: host) ?? CPUList(ids)
        topology.isolated = list("isolated", host) ?? CPUList([])
        topology.nohzFull = list("nohz_full", host) ?? CPUList([])
        topology.smtControl = host.line("\(cpuFolder)/smt/control")
        topology.nodes = host.numbered("node", in: nodeFolder).map { node($0, host) }
        let nodes = nodeByCPU(topology.nodes)
        let running = CPUList(ids).intersection(topology.online)
        topology.caches = CacheFacts.read(of: running, from: host)
        let lastLevel = lastLevelCaches(topology.caches)
        for id in ids {
            var cpu = CPUFacts(id: id)
            cpu.isOnline = topology.online.contains(id)
            describe(&cpu, host)
            cpu.node = nodes[id] ?? host.numbered("node", in: "\(cpuFolder)/cpu\(id)").first
            cpu.lastLevelCache = lastLevel[id]
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

    /// By CPU, the unified cache of the highest level, told by the lowest CPU that shares it.
    private static func lastLevelCaches(_ caches: [CacheFacts]) -> [Int: Int] {
        var byCPU: [Int: Int] = [:]
        // Higher levels come later and win.
        for cache in caches where cache.type == "Unified" {
            for cpu in cache.cpus.cpus { byCPU[cpu] = cache.cpus.cpus.first }
        }
        return byCPU
    }

    private static func node(_ id: Int, _ host: Host) -> NodeFacts {
        let folder = "\(nodeFolder)/node\(id)"
        let distances = (host.line("\(folder)/distance") ?? "").split(separator: " ")
        return NodeFacts(
            id: id,
            cpus: CPUList(parsing: host.line("\(folder)/cpulist") ?? "") ?? CPUList([]),
            memoryBytes: host.memoryFigures(ofNode: id)["MemTotal"] ?? 0,
            distances: distances.compactMap { Int($0) })
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
    /// What meminfo of one memory node says, in bytes where its unit is kB. Its lines read
    /// `Node 0 MemTotal:  1024 kB`.
    package func memoryFigures(ofNode id: Int) -> [String: UInt64] {
        guard let bytes = try? bytes("/sys/devices/system/node/node\(id)/meminfo") else {
            return [:]
        }
        return KernelText.memoryFigures(bytes)
    }

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
