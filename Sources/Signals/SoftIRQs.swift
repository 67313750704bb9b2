package import Host

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
        let host = source.host
        _ = try counts(of: host)
        let ledger = source.ledger
        return { () throws(Unavailable) in
            var softirqs = try counts(of: host)
            softirqs.addTimes(from: ledger)
            return softirqs
        }
    }

    /// The counts alone.
    package static func counts(of host: Host) throws(Unavailable) -> SoftIRQs {
        let table = try read("/proc/softirqs", host) { InterruptTable(parsing: $0) }
        var all = SoftIRQs(
            lines: table.rows.map { SoftIRQLine(name: $0.label, counts: Array($0.counts)) })
        do throws(FileError) {
            try all.addNetwork(host.bytes("/proc/net/softnet_stat"))
        } catch {
            all.gaps.reasons.append(Unavailable(error).reason)
        }
        return all
    }

    package func since(_ earlier: SoftIRQs) -> SoftIRQs {
        let change = matched(lines, earlier.lines, by: \.name).map { now, before in
            before.map { now.since($0) } ?? now
        }
        return SoftIRQs(
            lines: change, dropped: growth(dropped, earlier.dropped),
            squeezed: growth(squeezed, earlier.squeezed), gaps: gaps.since(earlier.gaps))
    }

    /// One line for each online CPU, in hexadecimal: processed, dropped, squeezed, …
    private mutating func addNetwork(_ bytes: [UInt8]) {
        var text = KernelText(bytes)
        while text.nextLine() {
            guard text.word() != nil, let drops = text.word(), let squeezes = text.word() else {
                continue
            }
            dropped &+= UInt64(drops, radix: 16) ?? 0
            squeezed &+= UInt64(squeezes, radix: 16) ?? 0
        }
    }
}

/// One softirq type. Arrays are indexed by CPU number; empty when not measured.
package struct SoftIRQLine: Equatable, Sendable, Codable {
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

    package func since(_ earlier: SoftIRQLine) -> SoftIRQLine {
        SoftIRQLine(
            name: name, counts: growth(counts, earlier.counts),
            nanoseconds: growth(nanoseconds, earlier.nanoseconds),
            watchedNanoseconds: growth(watchedNanoseconds, earlier.watchedNanoseconds))
    }
}
