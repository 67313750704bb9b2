/// /proc/interrupts or /proc/softirqs: one count for each row and CPU.
package struct InterruptTable: Sendable, Equatable {
    /// CPUs that have a column. Offline CPUs have none in /proc/interrupts.
    package var cpus: [Int]
    package var rows: [Row]

    package struct Row: Sendable, Equatable {
        /// The first word without its colon: `24`, `TLB`, `NET_RX`.
        package var label: String
        /// The number of a device interrupt; `nil` for rows of the architecture.
        package var irq: Int?
        /// Action names (`virtio1-req.0`), or the description of a row without a number.
        package var name: String
        /// By CPU number; 0 for a CPU without a column.
        package var counts: PerCPU
    }

    /// Rows that lack a count for any CPU are left out: `ERR`, `MIS` and a truncated last line.
    package init(parsing bytes: [UInt8]) {
        var text = KernelText(bytes)
        cpus = text.nextLine() ? Self.header(&text) : []
        rows = []
        guard let highest = cpus.max() else { return }
        var columns = [UInt64](repeating: 0, count: cpus.count)
        while text.nextLine() {
            guard let row = Self.row(&text, cpus, &columns, width: highest + 1) else { continue }
            rows.append(row)
        }
    }

    private static func header(_ text: inout KernelText) -> [Int] {
        var cpus: [Int] = []
        while let word = text.word() {
            guard word.hasPrefix("CPU"), let cpu = Int(word.dropFirst(3)),
                (0..<CPUList.mostCPUs).contains(cpu)
            else { return [] }
            cpus.append(cpu)
        }
        return cpus
    }

    /// `columns` has room for the numbers of a row; all rows share it.
    private static func row(
        _ text: inout KernelText, _ cpus: [Int], _ columns: inout [UInt64], width: Int
    ) -> Row? {
        guard let first = text.word(), first.hasSuffix(":") else { return nil }
        let label = String(first.dropLast())
        guard text.numbers(into: &columns) else { return nil }
        var counts = columns
        if width > columns.count {
            counts = [UInt64](repeating: 0, count: width)
            for (cpu, count) in zip(cpus, columns) { counts[cpu] = count }
        }
        let irq = Int(label)
        let description = text.rest()
        let name = irq == nil ? description : actions(in: description)
        return Row(label: label, irq: irq, name: name, counts: PerCPU(counts))
    }

    /// `PCI-MSIX-0000:01:00.0 3-edge nvme0q3` and `GICv3 26 Level eth0` name the chip, its own
    /// number of the interrupt and the trigger before the actions.
    static func actions(in description: String) -> String {
        var text = KernelText(description)
        guard text.nextLine(), text.word() != nil else { return "" }
        while let word = text.word() {
            let hardware = word.split(separator: "-", maxSplits: 1).first ?? ""
            guard !hardware.isEmpty, UInt64(hardware) != nil else { continue }
            _ = text.skip("Level") || text.skip("Edge")
            return text.rest()
        }
        return description
    }
}
