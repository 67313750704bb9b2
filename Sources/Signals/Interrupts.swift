package import Host

/// Hard interrupts: counts from /proc/interrupts, time from the probes.
package struct Interrupts: Signal {
    package static let name = "irq"

    package var lines: [InterruptLine]
    package var gaps: Gaps
    /// CPUs that were online at both ends of the window; empty when it is not known.
    package var measured: CPUList

    package init(
        lines: [InterruptLine] = [], gaps: Gaps = Gaps(), measured: CPUList = CPUList([])
    ) {
        self.lines = lines
        self.gaps = gaps
        self.measured = measured
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<Interrupts> {
        let host = source.host
        _ = try counts(of: host)
        let ledger = source.ledger
        return { () throws(Unavailable) in
            var interrupts = try counts(of: host)
            interrupts.addTimes(from: ledger)
            return interrupts
        }
    }

    /// The counts alone, with the CPUs that they cover.
    package static func counts(of host: Host) throws(Unavailable) -> Interrupts {
        let table = try read("/proc/interrupts", host) { InterruptTable(parsing: $0) }
        let lines = table.rows.map { row in
            var line = InterruptLine(label: row.label, irq: row.irq, name: row.name)
            line.counts = row.counts
            return line
        }
        return Interrupts(lines: lines, measured: CPUList(table.cpus))
    }

    /// A CPU that was offline counts from its return on: its column comes back with old totals.
    package func since(_ earlier: Interrupts) -> Interrupts {
        let both = measured.intersection(earlier.measured)
        let returned = earlier.measured.isEmpty ? [] : measured.subtracting(both).cpus
        let change = matched(lines, earlier.lines, by: \.label).map { now, before in
            var line = before.map { now.since($0) } ?? now
            for cpu in returned { line.forget(cpu) }
            return line
        }
        return Interrupts(lines: change, gaps: gaps.since(earlier.gaps), measured: both)
    }

    /// The line of an architecture row such as `TLB`, `LOC`, `CAL`, `RES`.
    package func row(_ label: String) -> InterruptLine? { lines.first { $0.label == label } }
}

/// One row of /proc/interrupts. Arrays are indexed by CPU number; empty when not measured.
package struct InterruptLine: Equatable, Sendable, Codable {
    /// The row's first word: an IRQ number or `LOC`, `TLB` …
    package var label: String
    /// The IRQ number; `nil` for architecture rows.
    package var irq: Int?
    /// Action names (`virtio1-req.0`) or the row's description (`TLB shootdowns`).
    package var name: String
    package var counts: PerCPU
    /// Time in the handler by CPU, ns.
    package var nanoseconds: PerCPU
    /// The part of `nanoseconds` that was taken from watched threads.
    package var watchedNanoseconds: PerCPU

    package init(
        label: String, irq: Int? = nil, name: String, counts: [UInt64] = [],
        nanoseconds: [UInt64] = [], watchedNanoseconds: [UInt64] = []
    ) {
        self.label = label
        self.irq = irq
        self.name = name
        self.counts = PerCPU(counts)
        self.nanoseconds = PerCPU(nanoseconds)
        self.watchedNanoseconds = PerCPU(watchedNanoseconds)
    }

    package func since(_ earlier: InterruptLine) -> InterruptLine {
        var change = self
        change.counts = growth(counts, earlier.counts)
        change.nanoseconds = growth(nanoseconds, earlier.nanoseconds)
        change.watchedNanoseconds = growth(watchedNanoseconds, earlier.watchedNanoseconds)
        return change
    }

    fileprivate mutating func forget(_ cpu: Int) {
        if counts.indices.contains(cpu) { counts[cpu] = 0 }
    }
}
