package import Host

/// Something the host counts. One file holds all of it: record, reading and difference.
package protocol Signal: Equatable, Sendable, Codable {
    /// The name that `coverage` shows, such as `sched`.
    static var name: String { get }

    /// Opens what must stay open. The reader owns it and returns running totals.
    static func open(on source: Source) throws(Unavailable) -> Reader<Self>

    /// What happened between an earlier reading and this one. Gauges keep the later value.
    func since(_ earlier: Self) -> Self

    /// What this reading lacks or lost; complete unless a signal says otherwise.
    var gaps: Gaps { get }
}

extension Signal {
    package var gaps: Gaps { Gaps() }
}

package typealias Reader<Value> = () throws(Unavailable) -> Value

/// Why a signal, or a part of one, cannot be read on this host, in words an operator can act on.
package struct Unavailable: Error, Equatable, Sendable, Codable {
    package var reason: String

    package init(_ reason: String) { self.reason = reason }

    package init(_ error: FileError) { reason = "cannot read \(error.path): \(error.reason)" }
}

/// What a reading could not see: parts that are missing, and events that were lost.
package struct Gaps: Equatable, Sendable, Codable {
    /// Why the reading is less than it could be; empty when nothing is missing.
    package var reasons: [String] = []
    /// Events that happened and were not counted where they belong.
    package var lost: UInt64 = 0

    package init(reasons: [String] = [], lost: UInt64 = 0) {
        self.reasons = reasons
        self.lost = lost
    }
}

/// Counters that only grow; a reset or a wrap reads as nothing happened, never as a huge number.
package func growth(_ later: UInt64, _ earlier: UInt64) -> UInt64 {
    later >= earlier ? later - earlier : 0
}

/// CPU by CPU growth. CPUs that were not there before (one came online) count whole.
package func growth(_ later: PerCPU, _ earlier: PerCPU) -> PerCPU {
    later.mapped { cpu, now in cpu < earlier.count ? growth(now, earlier[cpu]) : now }
}

/// Element by element growth. Elements that were not there before (a CPU came online) count whole.
package func growth(_ later: [UInt64], _ earlier: [UInt64]) -> [UInt64] {
    let both = min(later.count, earlier.count)
    var change = later
    for index in 0..<both { change[index] = growth(later[index], earlier[index]) }
    return change
}
