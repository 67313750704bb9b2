/// Hard interrupts: counts from /proc/interrupts, time from the probes.
package struct Interrupts: Signal {
    package static let name = "irq"

    package var lines: [InterruptLine]
    package var gaps: Gaps

    package init(lines: [InterruptLine] = [], gaps: Gaps = Gaps()) {
        self.lines = lines
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<Interrupts> {
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: Interrupts) -> Interrupts { self }

    /// The line of an architecture row such as `TLB`, `LOC`, `CAL`, `RES`.
    package func row(_ label: String) -> InterruptLine? { lines.first { $0.label == label } }
}

/// One row of /proc/interrupts. Arrays are indexed by CPU number; empty when not measured.
package struct InterruptLine: Equatable, Sendable {
    /// The row's first word: an IRQ number or `LOC`, `TLB` …
    package var label: String
    /// The IRQ number; `nil` for architecture rows.
    package var irq: Int?
    /// Action names (`virtio1-req.0`) or the row's description (`TLB shootdowns`).
    package var name: String
    package var counts: [UInt64]
    /// Time in the handler by CPU, ns.
    package var nanoseconds: [UInt64]
    /// The part of `nanoseconds` that was taken from watched threads.
    package var watchedNanoseconds: [UInt64]

    package init(
        label: String, irq: Int? = nil, name: String, counts: [UInt64] = [],
        nanoseconds: [UInt64] = [], watchedNanoseconds: [UInt64] = []
    ) {
        self.label = label
        self.irq = irq
        self.name = name
        self.counts = counts
        self.nanoseconds = nanoseconds
        self.watchedNanoseconds = watchedNanoseconds
    }
}
