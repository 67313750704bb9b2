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
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: Pressure) -> Pressure { self }
}

/// The `total=` figures of one pressure file, ns.
package struct Stall: Equatable, Sendable {
    package var some: UInt64
    package var full: UInt64

    package init(some: UInt64 = 0, full: UInt64 = 0) {
        self.some = some
        self.full = full
    }

    package func since(_ earlier: Stall) -> Stall {
        Stall(some: growth(some, earlier.some), full: growth(full, earlier.full))
    }
}
