extension InterruptFacts {
    /// The numbered rows of /proc/interrupts, joined with /proc/irq/N.
    package static func read(from host: Host) -> [InterruptFacts] {
        guard let bytes = try? host.bytes("/proc/interrupts") else { return [] }
        return InterruptTable(parsing: bytes).rows.compactMap { row in
            guard let irq = row.irq else { return nil }
            return facts(of: irq, name: row.name, host)
        }
    }

    private static func facts(of irq: Int, name: String, _ host: Host) -> InterruptFacts {
        let folder = "/proc/irq/\(irq)"
        var facts = InterruptFacts(irq: irq, name: name)
        facts.affinity = host.line("\(folder)/smp_affinity_list").flatMap { CPUList(parsing: $0) }
        facts.effective = host.line("\(folder)/effective_affinity_list")
            .flatMap { CPUList(parsing: $0) }
        facts.node = host.number("\(folder)/node").flatMap { $0 >= 0 ? Int($0) : nil }
        facts.isManaged = isManaged(irq, name, host)
        return facts
    }

    /// debugfs tells it where the kernel was built to. Otherwise only queues of NVMe drives are
    /// known to be managed; nothing is ever written to find out.
    private static func isManaged(_ irq: Int, _ name: String, _ host: Host) -> Bool? {
        if let state = try? host.text("/sys/kernel/debug/irq/irqs/\(irq)"), !state.isEmpty {
            return state.contains("IRQD_AFFINITY_MANAGED")
        }
        guard host.exists("/proc/irq/\(irq)") else { return nil }
        return isDriveQueue(name) ? true : nil
    }

    /// `nvme0q3`; queue 0 takes commands only and can be moved.
    static func isDriveQueue(_ name: String) -> Bool {
        guard name.hasPrefix("nvme") else { return false }
        let parts = name.dropFirst("nvme".count).split(
            separator: "q", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, UInt(parts[0]) != nil, let queue = UInt(parts[1]) else {
            return false
        }
        return queue > 0
    }
}
