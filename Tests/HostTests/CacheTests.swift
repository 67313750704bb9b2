import Host
import Machines
import Testing

/// Every cache of the CPUs that run is listed once.
struct CacheTests {
    private func topology(_ write: (borrowing Tree) throws -> Void) throws -> Topology {
        let tree = Tree()
        try write(tree)
        return HostFacts.read(from: tree.host).topology
    }

    private func texts(_ topology: Topology) -> [String] {
        topology.caches.map { "L\($0.level) \($0.type) \($0.sizeBytes) \($0.cpus.description)" }
    }

    @Test func listsEachCacheOnceInOrder() throws {
        let topology = try topology { tree in
            try tree.write("/sys/devices/system/cpu/online", "0-1,4-5")
            for cpu in [0, 1, 4, 5] {
                let pair = cpu < 4 ? "0-1" : "4-5"
                try tree.cache(cpu, 0, level: 1, "Data", size: "48K", shared: pair)
                try tree.cache(cpu, 1, level: 1, "Instruction", size: "32K", shared: pair)
                try tree.cache(cpu, 3, level: 3, "Unified", size: "107520K", shared: "0-1,4-5")
            }
        }
        #expect(
            texts(topology) == [
                "L1 Data 49152 0-1", "L1 Data 49152 4-5", "L1 Instruction 32768 0-1",
                "L1 Instruction 32768 4-5", "L3 Unified 110100480 0-1,4-5",
            ])
        #expect(topology.cpus.map(\.lastLevelCache) == [0, 0, 0, 0])
    }

    @Test func cachesOfOfflineCPUsAreNone() throws {
        let topology = try topology { tree in
            try tree.write("/sys/devices/system/cpu/online", "0,2")
            try tree.cache(0, 0, level: 2, "Unified", size: "512K", shared: "0-1")
            try tree.cache(1, 0, level: 2, "Unified", size: "512K", shared: "0-1")
            try tree.cache(2, 0, level: 2, "Unified", size: "512K", shared: "2")
        }
        #expect(texts(topology) == ["L2 Unified 524288 0", "L2 Unified 524288 2"])
        #expect(topology.cpus.map(\.lastLevelCache) == [0, nil, 2])
    }

    @Test func theHighestUnifiedCacheIsTheLast() throws {
        let topology = try topology { tree in
            for cpu in 0..<4 {
                try tree.cache(
                    cpu, 2, level: 3, "Unified", size: "8K", shared: cpu < 2 ? "0-1" : "2-3")
                try tree.cache(cpu, 3, level: 2, "Unified", size: "4K", shared: "\(cpu)")
                try tree.cache(cpu, 4, level: 4, "Data", size: "64K", shared: "0-3")
            }
        }
        #expect(topology.cpus.map(\.lastLevelCache) == [0, 0, 2, 2])
    }

    @Test(arguments: [
        ("4", "Unified", "1K", "7"), ("0", "Unified", "1K", "0"), ("-3", "Data", "1K", "0"),
        ("1", "\u{1b}[2J", "1K", "0"), ("1", "", "1K", "0"), ("x", "Data", "1K", "0"),
        ("1", "Data", "1K", "0-99999999"), ("1", "Data", "1K", ""),
    ])
    func leavesOutWhatIsNoCacheOfTheCPU(level: String, type: String, size: String, shared: String)
        throws
    {
        let topology = try topology { tree in
            let folder = "/sys/devices/system/cpu/cpu0/cache/index0"
            for (name, text) in [
                ("level", level), ("type", type), ("size", size), ("shared_cpu_list", shared),
            ] {
                try tree.write("\(folder)/\(name)", text)
            }
        }
        #expect(topology.caches.isEmpty)
    }

    @Test(arguments: ["", "32M", "-1K", "K", "99999999999999999999K", "18446744073709551615K"])
    func aSizeThatIsNotToldIsZero(size: String) throws {
        let topology = try topology { tree in
            try tree.cache(0, 0, level: 1, "Data", size: size, shared: "0")
        }
        #expect(topology.caches.map(\.sizeBytes) == [0])
    }

    @Test func readsWhatANodeSaysOfItsMemory() throws {
        let tree = Tree()
        try tree.write(
            "/sys/devices/system/node/node3/meminfo",
            "Node 3 MemTotal:  4096 kB\nNode 3 MemFree:  5 kB\nNode 3 HugePages_Total:  7")
        let figures = tree.host.memoryFigures(ofNode: 3)
        #expect(figures == ["MemTotal": 4 << 20, "MemFree": 5120, "HugePages_Total": 7])
        #expect(tree.host.memoryFigures(ofNode: 0).isEmpty)
    }
}

extension Tree {
    fileprivate func cache(
        _ cpu: Int, _ index: Int, level: Int, _ type: String, size: String, shared: String
    ) throws {
        let folder = "/sys/devices/system/cpu/cpu\(cpu)/cache/index\(index)"
        try write("\(folder)/level", "\(level)")
        try write("\(folder)/type", type)
        try write("\(folder)/size", size)
        try write("\(folder)/shared_cpu_list", shared)
    }
}
