/// Clock frequency and idle states by CPU.
package struct Power: Signal {
    package static let name = "power"

    package var cpus: [CPUPower]

    package init(cpus: [CPUPower] = []) { self.cpus = cpus }

    package static func open(on source: Source) throws(Unavailable) -> Reader<Power> {
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: Power) -> Power { self }
}

package struct CPUPower: Equatable, Sendable {
    package var id: Int
    /// scaling_cur_freq at the end of the window; `nil` where there is no cpufreq.
    package var kilohertz: Int64?
    /// Entries into each idle state, by its index.
    package var idleEntries: [UInt64] = []
    /// thermal_throttle/core_throttle_count and package_throttle_count together.
    package var thermalThrottles: UInt64 = 0

    package init(id: Int) { self.id = id }
}
