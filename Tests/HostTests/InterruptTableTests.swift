import Testing

@testable import Host

struct InterruptTableTests {
    @Test func countsStandAtTheirCPUNumber() {
        let text = """
                       CPU0       CPU2       CPU5
              24:          1          3          7 IR-PCI-MSIX-0000:01:00.0    1-edge      nvme0q1
             TLB:         10         20         30   TLB shootdowns
             ERR:          5
             MIS:          0
            """
        let table = InterruptTable(parsing: Array(text.utf8))
        #expect(table.cpus == [0, 2, 5])
        #expect(table.rows.map(\.label) == ["24", "TLB"])
        #expect(table.rows[0].counts == [1, 0, 3, 0, 0, 7])
        #expect(table.rows[0].irq == 24)
        #expect(table.rows[0].name == "nvme0q1")
        #expect(table.rows[1].irq == nil)
        #expect(table.rows[1].name == "TLB shootdowns")
    }

    @Test(arguments: [
        ("IO-APIC   5-edge      ACPI:Ged", "ACPI:Ged"),
        ("IO-APIC   9-fasteoi   acpi, i801_smbus", "acpi, i801_smbus"),
        ("PCI-MSI 524288-edge      mlx5_comp3@pci:0000:1a:00.0", "mlx5_comp3@pci:0000:1a:00.0"),
        ("GICv3  26 Level     arch_timer", "arch_timer"),
        ("ITS-MSI 134217728 Edge      nvme0q0", "nvme0q0"),
        ("IO-APIC   2-edge", ""),
        ("", ""),
    ])
    func findsTheActionsBehindTheChip(description: String, name: String) {
        #expect(InterruptTable.actions(in: description) == name)
    }

    @Test func leavesOutALineThatWasCutOff() {
        let text = "   CPU0 CPU1\n 1:  5  6  chip 1-edge a\n 2:  5"
        #expect(InterruptTable(parsing: Array(text.utf8)).rows.map(\.label) == ["1"])
    }

    @Test(arguments: ["", "\n", "CPU", "CPU-1 CPU99999999\n 1: 1 2", "a b c\n 1: 2\n", "CPU0\n:::"])
    func findsNothingInGarbage(text: String) {
        #expect(InterruptTable(parsing: Array(text.utf8)).rows.allSatisfy { $0.label == "::" })
    }

    @Test func readsAThousandInterruptsOfManyCPUs() {
        let table = InterruptTable(parsing: Array(Self.large(cpus: 256, interrupts: 1000).utf8))
        #expect(table.cpus == Array(0..<256))
        #expect(table.rows.count == 1001)
        for (index, row) in table.rows.dropLast().enumerated() {
            #expect(row.irq == index)
            #expect(row.name == "mlx5_comp\(index)@pci:0000:1a:00.0")
            #expect(Array(row.counts) == (0..<256).map { UInt64(index * 1000 + $0) })
        }
        #expect(table.rows.last?.label == "LOC")
    }

    /// The kernel writes a blank before each column, and before 6.x behind it.
    @Test(arguments: [" %", "% "])
    func columnsOfNoughtsAreCountedLikeOthers(column: String) {
        let rows: [[UInt64]] = [
            [0, 0, 0, 0], [0, 7, 0, 0], [1_234_567_890, 0, 0, 0], [0, 0, 0, 99_999_999_999],
        ]
        let lines = rows.enumerated().map { irq, counts in
            "\(irq):" + (column.hasPrefix(" ") ? "" : " ")
                + counts.map { column.replacing("%", with: "\($0)".leftPadded(to: 10)) }.joined()
        }
        for end in ["", "\n", " IO-APIC 1-edge a\n"] {
            let text = "CPU0 CPU1 CPU2 CPU3\n" + lines.joined(separator: "\n") + end
            let table = InterruptTable(parsing: Array(text.utf8))
            #expect(table.rows.map { Array($0.counts) } == rows)
        }
    }

    @Test(arguments: [
        "          0          x", "          0          00x", "          0         -1",
        "          0 18446744073709551616", "          0", "          0          ", "\t0 \t",
    ])
    func aRowWithoutANumberForEachCPUIsLeftOut(columns: String) {
        let text = "CPU0 CPU1\n1:\(columns)\n2: 18446744073709551615 00000000000000000000007 chip"
        let table = InterruptTable(parsing: Array(text.utf8))
        #expect(table.rows.map(\.label) == ["2"])
        #expect(table.rows.map(\.counts) == [[.max, 7]])
    }

    /// Count of interrupt i on CPU c: 1000 i + c.
    static func large(cpus: Int, interrupts: Int) -> String {
        var text = "      " + (0..<cpus).map { "CPU\($0)".leftPadded(to: 11) }.joined() + "\n"
        for irq in 0..<interrupts {
            let counts = (0..<cpus).map { "\(irq * 1000 + $0)".leftPadded(to: 11) }.joined()
            text += "\(irq):".leftPadded(to: 6) + counts
            text += "  PCI-MSIX-0000:1a:00.0 \(irq)-edge      mlx5_comp\(irq)@pci:0000:1a:00.0\n"
        }
        text += " LOC: " + String(repeating: "  77", count: cpus) + "   Local timer interrupts\n"
        return text
    }
}

extension String {
    func leftPadded(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - utf8.count)) + self
    }
}
