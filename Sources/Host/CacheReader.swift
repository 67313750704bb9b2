extension CacheFacts {
    /// The caches of `cpus`, which run, each once, by level, type and first CPU.
    static func read(of cpus: CPUList, from host: Host) -> [CacheFacts] {
        var caches: [CacheFacts] = []
        // CPUs whose cache of a level and type is known already.
        var known: [String: Set<Int>] = [:]
        for cpu in cpus.cpus {
            let folder = "/sys/devices/system/cpu/cpu\(cpu)/cache"
            for index in host.numbered("index", in: folder) {
                let cache = "\(folder)/index\(index)"
                guard let level = host.number("\(cache)/level"), (1...9).contains(level),
                    let type = host.line("\(cache)/type"), types.contains(type),
                    known["\(level)\(type)"]?.contains(cpu) != true,
                    let shared = CPUList(parsing: host.line("\(cache)/shared_cpu_list") ?? ""),
                    shared.contains(cpu)
                else { continue }
                let sharers = shared.intersection(cpus)
                known["\(level)\(type)", default: []].formUnion(sharers.cpus)
                caches.append(
                    CacheFacts(
                        level: Int(level), type: type, sizeBytes: size("\(cache)/size", host),
                        cpus: sharers))
            }
        }
        return caches.sorted {
            ($0.level, $0.type, $0.cpus.cpus.first ?? 0)
                < ($1.level, $1.type, $1.cpus.cpus.first ?? 0)
        }
    }

    private static let types: Set = ["Data", "Instruction", "Unified"]

    /// The kernel writes `32768K`, whatever the size.
    private static func size(_ path: String, _ host: Host) -> UInt64 {
        guard let line = host.line(path), line.last == "K",
            let kilobytes = UInt64(line.dropLast()), kilobytes < 1 << 40
        else { return 0 }
        return kilobytes << 10
    }
}
