import Host

/// How much memory is free and how broken up it is: gauges, as of the end of the window.
package struct FreeMemory: Signal {
    package static let name = "memory"

    /// /proc/meminfo in bytes, by its names (`MemAvailable`, `AnonHugePages`). Plain counts of
    /// huge pages stay counts.
    package var meminfo: [String: UInt64]
    package var zones: [MemoryZone]
    package var gaps: Gaps

    package init(
        meminfo: [String: UInt64] = [:], zones: [MemoryZone] = [], gaps: Gaps = Gaps()
    ) {
        self.meminfo = meminfo
        self.zones = zones
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<FreeMemory> {
        let host = source.host
        _ = try gauges(of: host)
        return { () throws(Unavailable) in try gauges(of: host) }
    }

    static func gauges(of host: Host) throws(Unavailable) -> FreeMemory {
        var memory = FreeMemory(
            meminfo: try read("/proc/meminfo", host, KernelText.memoryFigures))
        do throws(FileError) {
            memory.zones = MemoryZone.zones(parsing: try host.bytes("/proc/zoneinfo"))
        } catch {
            memory.gaps.reasons.append(Unavailable(error).reason)
        }
        do throws(FileError) {
            memory.addFreeBlocks(parsing: try host.bytes("/proc/buddyinfo"))
        } catch {
            memory.gaps.reasons.append(Unavailable(error).reason)
        }
        return memory
    }

    /// Nothing in it counts up: the later reading is the answer.
    package func since(_ earlier: FreeMemory) -> FreeMemory { self }

    /// Lines read `Node 0, zone   Normal  4 0 1 …`. A zone that zoneinfo did not show is added.
    mutating func addFreeBlocks(parsing bytes: [UInt8]) {
        var text = KernelText(bytes)
        while text.nextLine() {
            guard let (node, name) = MemoryZone.heading(&text) else { continue }
            var blocks: [UInt64] = []
            while let count = text.number() { blocks.append(count) }
            if let index = zones.firstIndex(where: { $0.node == node && $0.name == name }) {
                zones[index].freeBlocks = blocks
            } else {
                zones.append(MemoryZone(node: node, name: name, freeBlocks: blocks))
            }
        }
    }
}

/// One zone of one node: watermarks of /proc/zoneinfo and free blocks of /proc/buddyinfo.
package struct MemoryZone: Equatable, Sendable, Codable {
    package var node: Int
    /// `DMA`, `DMA32`, `Normal`, `Movable` …
    package var name: String
    /// Pages.
    package var free: UInt64
    package var minimum: UInt64
    package var low: UInt64
    package var high: UInt64
    package var managed: UInt64
    /// Free blocks by order: index n counts blocks of 2^n pages.
    package var freeBlocks: [UInt64]

    package init(
        node: Int, name: String, free: UInt64 = 0, minimum: UInt64 = 0, low: UInt64 = 0,
        high: UInt64 = 0, managed: UInt64 = 0, freeBlocks: [UInt64] = []
    ) {
        self.node = node
        self.name = name
        self.free = free
        self.minimum = minimum
        self.low = low
        self.high = high
        self.managed = managed
        self.freeBlocks = freeBlocks
    }

    /// /proc/zoneinfo, zones without memory left out.
    static func zones(parsing bytes: [UInt8]) -> [MemoryZone] {
        var text = KernelText(bytes)
        var zones: [MemoryZone] = []
        while text.nextLine() {
            if let (node, name) = heading(&text) {
                zones.append(MemoryZone(node: node, name: name))
            } else if !zones.isEmpty {
                zones[zones.count - 1].take(&text)
            }
        }
        return zones.filter { $0.managed > 0 }
    }

    /// `Node 0, zone   Normal`; `nil` on any other line, which then is still unread.
    static func heading(_ text: inout KernelText) -> (node: Int, name: String)? {
        guard text.skip("Node"), let node = text.word(), let id = Int(node.dropLast()),
            text.skip("zone"), let name = text.word()
        else { return nil }
        return (id, name)
    }

    /// One line of a zone. Those of its CPUs (`high: 378`) have a colon and are not meant.
    private mutating func take(_ text: inout KernelText) {
        switch text.word() {
        case "pages": if text.skip("free") { free = text.number() ?? 0 }
        case "min": minimum = text.number() ?? 0
        case "low": low = text.number() ?? 0
        case "high": high = text.number() ?? 0
        case "managed": managed = text.number() ?? 0
        default: break
        }
    }
}
