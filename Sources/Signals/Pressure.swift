import Host

/// Pressure stall information of the whole host: time in which some or all tasks were stalled.
package struct Pressure: Signal {
    package static let name = "psi"

    /// Totals in ns, by resource.
    package var cpu: Stall
    package var memory: Stall
    package var io: Stall

    package init(cpu: Stall = Stall(), memory: Stall = Stall(), io: Stall = Stall()) {
        self.cpu = cpu
        self.memory = memory
        self.io = io
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<Pressure> {
        let host = source.host
        _ = try totals(of: host)
        return { () throws(Unavailable) in try totals(of: host) }
    }

    static func totals(of host: Host) throws(Unavailable) -> Pressure {
        Pressure(
            cpu: try read("/proc/pressure/cpu", host) { Stall(parsing: $0) },
            memory: try read("/proc/pressure/memory", host) { Stall(parsing: $0) },
            io: try read("/proc/pressure/io", host) { Stall(parsing: $0) })
    }

    package func since(_ earlier: Pressure) -> Pressure {
        Pressure(
            cpu: cpu.since(earlier.cpu), memory: memory.since(earlier.memory),
            io: io.since(earlier.io))
    }
}

/// The `total=` figures of one pressure file, ns.
package struct Stall: Equatable, Sendable, Codable {
    package var some: UInt64
    package var full: UInt64

    package init(some: UInt64 = 0, full: UInt64 = 0) {
        self.some = some
        self.full = full
    }

    /// The kernel counts microseconds. Kernels before 5.13 have no `full` line for CPUs.
    init(parsing bytes: [UInt8]) {
        let totals = KernelText.pressureTotals(bytes)
        self.init(some: totals.some &* 1000, full: totals.full &* 1000)
    }

    package func since(_ earlier: Stall) -> Stall {
        Stall(some: growth(some, earlier.some), full: growth(full, earlier.full))
    }
}
