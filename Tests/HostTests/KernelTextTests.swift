import Host
import Testing

struct KernelTextTests {
    @Test func countsOnlyLinesOfNameAndNumber() {
        let text = "pgfault 12\nempty\nnegative -3\nnr_free 7 8\n\n  late 18446744073709551615"
        let numbers = KernelText.keyedNumbers(Array(text.utf8))
        #expect(numbers == ["pgfault": 12, "nr_free": 7, "late": .max])
    }

    @Test func leavesOutNumbersThatDoNotFit() {
        #expect(KernelText.keyedNumbers(Array("a 18446744073709551616\nb 1x\n".utf8)).isEmpty)
    }

    @Test func scalesKilobytesAndKeepsPlainCounts() {
        let text =
            "MemTotal:  3 kB\nHugePages_Free:   5\nHuge: 18446744073709551615 kB\nMemFree 1 kB\n"
        let figures = KernelText.memoryFigures(Array(text.utf8))
        #expect(figures == ["MemTotal": 3072, "HugePages_Free": 5])
    }

    @Test func readsPressureWithAndWithoutFull() {
        let some = "some avg10=1.00 avg60=0.50 avg300=0.10 total=17\n"
        let both = KernelText.pressureTotals(Array((some + "full avg10=0.00 total=5\n").utf8))
        #expect(both == (17, 5))
        #expect(KernelText.pressureTotals(Array(some.utf8)) == (17, 0))
        #expect(KernelText.pressureTotals(Array("some total=-1\nfull total\n".utf8)) == (0, 0))
    }

    @Test func undoesOctalEscapes() {
        #expect(KernelText.unescaped(#"/mnt/a\040b\134c"#) == #"/mnt/a b\c"#)
        #expect(KernelText.unescaped(#"/mnt/\04"#) == #"/mnt/\04"#)
    }

    @Test func readsTimesOfCPUsWithGaps() {
        let text = """
            cpu  9 9 9 9
            cpu0 4856 1 1573 168477 53 2 81 56 0 0
            cpu3 7 8 9 10
            cpux 1 1 1 1
            intr 286310 0 0
            """
        let cpus = CPUTimes.parse(Array(text.utf8))
        #expect(cpus.map(\.id) == [0, 3])
        #expect(cpus.map(\.steal) == [56, 0])
        #expect(cpus.map(\.softirq) == [81, 0])
        #expect(cpus.last?.idle == 10)
    }
}
