/// The counters of /proc/vmstat.
package struct VirtualMemory: Signal {
    package static let name = "vmstat"

    /// By the kernel's name, such as `pgmajfault`. Gauges (`nr_…`) keep the later value.
    package var counters: [String: UInt64]

    package init(_ counters: [String: UInt64] = [:]) { self.counters = counters }

    package static func open(on source: Source) throws(Unavailable) -> Reader<VirtualMemory> {
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: VirtualMemory) -> VirtualMemory { self }

    /// The counter, or 0 when this kernel has none of that name.
    package subscript(_ name: String) -> UInt64 { counters[name] ?? 0 }

    /// All counters that begin with `prefix`, summed: `allocstall_` has one for each zone.
    package func sum(_ prefix: String) -> UInt64 {
        counters.reduce(0) { $1.key.hasPrefix(prefix) ? $0 + $1.value : $0 }
    }
}
