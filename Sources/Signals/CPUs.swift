/// What each CPU's time went to.
package struct CPUs: Signal {
    package static let name = "cpu"

    package var cpus: [CPUActivity]
    /// Waits of watched threads for a CPU, counted by power of two: slot n holds 2^n ns and more.
    package var waitSlots: [UInt64]

    package init(cpus: [CPUActivity] = [], waitSlots: [UInt64] = []) {
        self.cpus = cpus
        self.waitSlots = waitSlots
    }

    package static func open(on source: Source) throws(Unavailable) -> Reader<CPUs> {
        throw Unavailable("not built yet")
    }

    package func since(_ earlier: CPUs) -> CPUs { self }
}

/// Time of one CPU by what it did, ns.
package struct CPUActivity: Equatable, Sendable {
    package var id: Int
    /// Watched threads, other user threads, kernel threads.
    package var watched: UInt64 = 0
    package var other: UInt64 = 0
    package var kernel: UInt64 = 0
    package var irq: UInt64 = 0
    package var softirq: UInt64 = 0
    package var idle: UInt64 = 0
    /// Taken by the hypervisor (/proc/stat); part of the others, not in addition.
    package var steal: UInt64 = 0

    package init(id: Int) { self.id = id }

    package var total: UInt64 { watched + other + kernel + irq + softirq + idle }
}
