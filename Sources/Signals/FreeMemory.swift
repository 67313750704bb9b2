/// How much memory is free and how broken up it is: gauges, as of the end of the window.
package struct FreeMemory: Signal {
    package static let name = "memory"

    /// /proc/meminfo in bytes, by its names (`MemAvailable`, `AnonHugePages`). Plain counts of
    /// huge pages stay counts.
    package var meminfo: [String: UInt64]
    package var zones: [MemoryZone]

    package init(meminfo: [String: UInt64] = [:], zones: [MemoryZone] = []) {
        self.meminfo = meminfo
        self.zones = zones
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<FreeMemory> {
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: FreeMemory) -> FreeMemory { self }
}

/// One zone of one node: watermarks of /proc/zoneinfo and free blocks of /proc/buddyinfo.
package struct MemoryZone: Equatable, Sendable {
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
}
