import Host

extension Machine {
    /// Rows of /proc/interrupts that the architecture has, with their description and what they
    /// count a second on each CPU of a quiet host.
    private static let architectureRows: [(label: String, name: String, rate: UInt64)] = [
        ("NMI", "Non-maskable interrupts", 0), ("LOC", "Local timer interrupts", 25),
        ("SPU", "Spurious interrupts", 0), ("PMI", "Performance monitoring interrupts", 0),
        ("IWI", "IRQ work interrupts", 0), ("RTR", "APIC ICR read retries", 0),
        ("RES", "Rescheduling interrupts", 4), ("CAL", "Function call interrupts", 9),
        ("TLB", "TLB shootdowns", 2), ("TRM", "Thermal event interrupts", 0),
        ("THR", "Threshold APIC interrupts", 0), ("MCE", "Machine check exceptions", 0),
        ("MCP", "Machine check polls", 0),
    ]

    private static let softTypes: [(name: String, rate: UInt64)] = [
        ("HI", 0), ("TIMER", 11), ("NET_TX", 0), ("NET_RX", 2), ("BLOCK", 1), ("IRQ_POLL", 0),
        ("TASKLET", 0), ("SCHED", 13), ("HRTIMER", 0), ("RCU", 7),
    ]

    /// The column of one interrupt and CPU in /proc/interrupts.
    package func count(of interrupt: Interrupt, on cpu: Int, after seconds: UInt64) -> UInt64 {
        guard interrupt.effective == cpu else { return 0 }
        let rate = interrupt.device == nil ? 0 : vectorRate
        return UInt64(1_000 + interrupt.irq) + rate * seconds
    }

    /// What a row of the architecture counts a second on every CPU.
    package func rate(of label: String) -> UInt64 {
        Self.architectureRows.first { $0.label == label }?.rate ?? 0
    }

    func writeInterruptCounters(
        to tree: borrowing Tree, after seconds: UInt64
    ) throws(FileError) {
        let cpus = online
        var lines = ["      " + cpus.map { padded("CPU\($0)", 11) }.joined()]
        for interrupt in interrupts {
            let counts = cpus.map { column(count(of: interrupt, on: $0, after: seconds)) }
            lines.append(
                padded("\(interrupt.irq)", 4) + ":" + counts.joined() + "  "
                    + description(of: interrupt))
        }
        for row in Self.architectureRows {
            let counts = cpus.map { cpu in
                column(row.rate > 0 ? UInt64(70_000 + cpu) + row.rate * seconds : 0)
            }
            lines.append(" \(row.label):" + counts.joined() + "   \(row.name)")
        }
        lines += [" ERR:          0", " MIS:          0"]
        try tree.write("/proc/interrupts", lines.joined(separator: "\n"))
        try writeSoftInterrupts(to: tree, after: seconds)
    }

    private func description(of interrupt: Interrupt) -> String {
        let number = padded("\(interrupt.vector)-edge", 8)
        guard let device = interrupt.device else {
            return "IR-IO-APIC \(number)      \(interrupt.name)"
        }
        return "IR-PCI-MSIX-\(device) \(number)      \(interrupt.name)"
    }

    /// Its columns are those of all possible CPUs, offline ones too.
    private func writeSoftInterrupts(
        to tree: borrowing Tree, after seconds: UInt64
    ) throws(FileError) {
        let possible = 0...(cpus.last ?? 0)
        let running = Set(online)
        var lines = ["              " + possible.map { padded("CPU\($0)", 11) }.joined()]
        for type in Self.softTypes {
            let counts = possible.map { cpu in
                column(running.contains(cpu) ? 900 + type.rate * seconds : 0)
            }
            lines.append(padded(type.name, 12) + ":" + counts.joined())
        }
        try tree.write("/proc/softirqs", lines.joined(separator: "\n"))
        let quiet = [String](repeating: "00000000", count: 8).joined(separator: " ")
        let network = online.map { _ in hexadecimal(Int(500 + 2 * seconds), digits: 8) }
        try tree.write(
            "/proc/net/softnet_stat", network.map { "\($0) \(quiet)" }.joined(separator: "\n"))
    }

    func writeInterruptFolders(to tree: borrowing Tree) throws(FileError) {
        let nodes = Dictionary(
            devices.map { ($0.address, $0.node) }, uniquingKeysWith: { first, _ in first })
        for interrupt in interrupts {
            let folder = "/proc/irq/\(interrupt.irq)"
            let node = interrupt.device.flatMap { nodes[$0] ?? nil }
            try tree.write(
                "\(folder)/smp_affinity_list", CPUList(interrupt.affinity).description)
            try tree.write("\(folder)/effective_affinity_list", "\(interrupt.effective)")
            try tree.write("\(folder)/node", "\(node ?? -1)")
        }
    }

    /// Most of a large table are noughts.
    private func column(_ number: UInt64) -> String {
        number == 0 ? "          0" : padded("\(number)", 11)
    }

    private func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
}
