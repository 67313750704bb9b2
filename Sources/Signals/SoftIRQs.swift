/// Soft interrupts by type: counts from /proc/softirqs, time from the probes.
package struct SoftIRQs: Signal {
    package static let name = "softirq"

    /// Types by vector number: HI TIMER NET_TX NET_RX BLOCK IRQ_POLL TASKLET SCHED HRTIMER RCU.
    package var lines: [SoftIRQLine]
    /// /proc/net/softnet_stat summed over CPUs: packets dropped, and polls cut short by budget.
    package var dropped: UInt64
    package var squeezed: UInt64
    package var gaps: Gaps

    package init(
        lines: [SoftIRQLine] = [], dropped: UInt64 = 0, squeezed: UInt64 = 0, gaps: Gaps = Gaps()
    ) {
        self.lines = lines
        self.dropped = dropped
        self.squeezed = squeezed
        self.gaps = gaps
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<SoftIRQs> {
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: SoftIRQs) -> SoftIRQs { self }
}

/// One softirq type. Arrays are indexed by CPU number; empty when not measured.
package struct SoftIRQLine: Equatable, Sendable {
    /// As /proc/softirqs spells it: `NET_RX`.
    package var name: String
    package var counts: [UInt64]
    /// Time in the handler by CPU, less hard interrupts in it, ns.
    package var nanoseconds: [UInt64]
    /// The part of `nanoseconds` that was taken from watched threads.
    package var watchedNanoseconds: [UInt64]

    package init(
        name: String, counts: [UInt64] = [], nanoseconds: [UInt64] = [],
        watchedNanoseconds: [UInt64] = []
    ) {
        self.name = name
        self.counts = counts
        self.nanoseconds = nanoseconds
        self.watchedNanoseconds = watchedNanoseconds
    }
}
