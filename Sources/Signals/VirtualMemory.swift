import Host

/// The counters of /proc/vmstat.
package struct VirtualMemory: Signal {
    package static let name = "vmstat"

    /// By the kernel's name, such as `pgmajfault`. Gauges (`nr_…`) keep the later value.
    package var counters: [String: UInt64]

    package init(_ counters: [String: UInt64] = [:]) { self.counters = counters }

    package static func open(on source: Source) throws(Unavailable) -> Reader<VirtualMemory> {
        let host = source.host
        _ = try counters(of: host)
        return { () throws(Unavailable) in try counters(of: host) }
    }

    static func counters(of host: Host) throws(Unavailable) -> VirtualMemory {
        let counters = try read("/proc/vmstat", host, KernelText.keyedNumbers)
        guard !counters.isEmpty else { throw Unavailable("/proc/vmstat is empty") }
        return VirtualMemory(counters)
    }

    package func since(_ earlier: VirtualMemory) -> VirtualMemory {
        var change = counters
        for (name, value) in counters where !Self.isGauge(name) {
            change[name] = growth(value, earlier[name])
        }
        return VirtualMemory(change)
    }

    /// What exists now, as opposed to what happened so far.
    static func isGauge(_ name: String) -> Bool {
        guard name.hasPrefix("nr_") else { return name == "workingset_nodes" }
        return !countersNamedLikeGauges.contains { name.hasPrefix($0) }
    }

    private static let countersNamedLikeGauges = [
        "nr_dirtied", "nr_foll_pin_", "nr_throttled_written", "nr_tlb_",
        "nr_vmscan_immediate_reclaim", "nr_vmscan_write", "nr_written",
    ]

    /// The counter, or 0 when this kernel has none of that name.
    package subscript(_ name: String) -> UInt64 { counters[name] ?? 0 }

    /// All counters that begin with `prefix`, summed: `allocstall_` has one for each zone.
    package func sum(_ prefix: String) -> UInt64 {
        counters.reduce(0) { $1.key.hasPrefix(prefix) ? $0 + $1.value : $0 }
    }
}
