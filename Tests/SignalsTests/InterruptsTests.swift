import Host
import Machines
import Testing

@testable import Signals

struct InterruptsTests {
    private func counts(_ text: String) throws -> Interrupts {
        let tree = Tree()
        try tree.write("/proc/interrupts", text)
        return try Interrupts.counts(of: tree.host)
    }

    @Test func subtractsByLabelAndForgetsWhatVanished() throws {
        let earlier = try counts(
            """
                CPU0 CPU1
             7: 100 200 chip 1-edge old
             8: 1 2 chip 2-edge eth0
            TLB: 5 9 TLB shootdowns
            """)
        let later = try counts(
            """
                CPU0 CPU1
             8: 4 9 chip 2-edge eth0
             9: 3 0 chip 3-edge new
            TLB: 5 12 TLB shootdowns
            """)
        let change = later.since(earlier)
        #expect(change.lines.map(\.label) == ["8", "9", "TLB"])
        #expect(change.lines.map(\.counts) == [[3, 7], [3, 0], [0, 3]])
        #expect(change.row("TLB")?.irq == nil)
    }

    @Test func aReturningCPUDoesNotBringItsPast() throws {
        let earlier = try counts("  CPU0 CPU2\n 8: 10 30 chip 2-edge eth0")
        let later = try counts("  CPU0 CPU1 CPU2\n 8: 11 5000 33 chip 2-edge eth0")
        let change = later.since(earlier)
        #expect(change.lines.map(\.counts) == [[1, 0, 3]])
        #expect(change.measured.description == "0,2")
    }

    @Test func aCPUThatLeavesAndAResetCountNothing() throws {
        let earlier = try counts("  CPU0 CPU1\n 8: 10 30 chip 2-edge eth0")
        let later = try counts("  CPU0\n 8: 9 chip 2-edge eth0")
        #expect(later.since(earlier).lines.map(\.counts) == [[0]])
    }

    @Test func handMadeLinesSubtractPlainly() {
        let line = { (count: UInt64, time: UInt64) in
            InterruptLine(label: "8", irq: 8, name: "a", counts: [count], nanoseconds: [time])
        }
        let change = Interrupts(lines: [line(7, 70)]).since(Interrupts(lines: [line(4, 20)]))
        #expect(change.lines == [line(3, 50)])
    }

    @Test func saysWhichFileIsMissing() {
        let missing = Unavailable("cannot read /proc/interrupts: No such file or directory")
        #expect(throws: missing) { try Interrupts.open(on: Source(host: Tree().host)) }
    }
}
