import Host

/// Clock frequency and idle states by CPU.
package struct Power: Signal {
    package static let name = "power"

    package var cpus: [CPUPower]

    package init(cpus: [CPUPower] = []) { self.cpus = cpus }

    package static func open(on source: Source) throws(Unavailable) -> Reader<Power> {
        let host = source.host
        let files = host.numbered("cpu", in: folder).map { CPUPowerFiles(of: $0, host) }
        guard files.contains(where: { !$0.isEmpty }) else {
            throw Unavailable("no cpufreq, cpuidle or thermal_throttle in \(folder)/cpu*")
        }
        return { () throws(Unavailable) in Power(cpus: files.map { $0.read(host) }) }
    }

    static let folder = "/sys/devices/system/cpu"

    package func since(_ earlier: Power) -> Power {
        Power(
            cpus: matched(cpus, earlier.cpus, by: \.id).map { now, before in
                before.map { now.since($0) } ?? now
            })
    }
}

package struct CPUPower: Equatable, Sendable, Codable {
    package var id: Int
    /// scaling_cur_freq at the end of the window; `nil` where there is no cpufreq.
    package var kilohertz: Int64?
    /// Entries into each idle state, by its index.
    package var idleEntries: [UInt64] = []
    /// thermal_throttle/core_throttle_count and package_throttle_count together.
    package var thermalThrottles: UInt64 = 0

    package init(id: Int) { self.id = id }

    package func since(_ earlier: CPUPower) -> CPUPower {
        var change = self
        // A CPU that was offline comes back with old totals.
        let wasRead = earlier.idleEntries.count == idleEntries.count
        change.idleEntries = growth(idleEntries, wasRead ? earlier.idleEntries : idleEntries)
        change.thermalThrottles = growth(thermalThrottles, earlier.thermalThrottles)
        return change
    }
}

/// The files of one CPU that exist, found once: a host with 256 CPUs has thousands of them.
private struct CPUPowerFiles: Sendable {
    let id: Int
    let frequency: String?
    let idle: [String]
    let throttles: [String]

    init(of id: Int, _ host: Host) {
        let folder = "\(Power.folder)/cpu\(id)"
        self.id = id
        let current = "\(folder)/cpufreq/scaling_cur_freq"
        frequency = host.exists(current) ? current : nil
        idle = host.numbered("state", in: "\(folder)/cpuidle")
            .map { "\(folder)/cpuidle/state\($0)/usage" }
        throttles = ["core", "package"]
            .map { "\(folder)/thermal_throttle/\($0)_throttle_count" }
            .filter { host.exists($0) }
    }

    var isEmpty: Bool { frequency == nil && idle.isEmpty && throttles.isEmpty }

    func read(_ host: Host) -> CPUPower {
        var cpu = CPUPower(id: id)
        cpu.kilohertz = frequency.flatMap { host.number($0) }
        cpu.idleEntries = counts(idle, host)
        cpu.thermalThrottles = counts(throttles, host).reduce(0, &+)
        return cpu
    }

    /// Empty while the CPU is offline.
    private func counts(_ paths: [String], _ host: Host) -> [UInt64] {
        let counts = paths.compactMap { host.number($0).map { UInt64(clamping: $0) } }
        return counts.count == paths.count ? counts : []
    }
}
