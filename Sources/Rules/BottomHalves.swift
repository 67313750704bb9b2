import Signals

/// Disk requests are finished in a soft interrupt that the device's interrupt raises on the same
/// CPU. Where the two come in step, both are the device's load: moving the interrupt moves both.
struct BottomHalves {
    /// Interrupt lines with the time of the soft interrupts that they raised added.
    var lines: [InterruptLine]
    /// Soft interrupts without that time.
    var softirqs: [SoftIRQLine]
    /// The part of the soft interrupt time of watched threads that was added to lines, 0 to 1.
    var movedPart = 0.0

    /// A line raised the soft interrupts where it came at least half as often. Judgement.
    private static let inStep = 0.5
    private static let types = ["BLOCK", "IRQ_POLL"]

    init(_ lines: [InterruptLine], _ softirqs: [SoftIRQLine]) {
        self.lines = lines
        self.softirqs = softirqs
        let all = softirqs.reduce(UInt64(0)) { $0 &+ $1.watchedNanoseconds.reduce(0, &+) }
        var moved: UInt64 = 0
        for type in softirqs.indices where Self.types.contains(softirqs[type].name) {
            for cpu in softirqs[type].nanoseconds.indices {
                guard let line = Self.line(behind: softirqs[type], on: cpu, in: lines) else {
                    continue
                }
                moved &+= move(type, on: cpu, to: line)
            }
        }
        movedPart = all > 0 ? Double(moved) / Double(all) : 0
    }

    /// The device's line that counts most on the CPU, if it keeps step with the soft interrupts.
    private static func line(
        behind softirq: SoftIRQLine, on cpu: Int, in lines: [InterruptLine]
    ) -> Int? {
        let devices = lines.indices.filter {
            lines[$0].irq != nil && cpu < lines[$0].counts.count
                && cpu < lines[$0].nanoseconds.count
        }
        guard let top = devices.max(by: { lines[$0].counts[cpu] < lines[$1].counts[cpu] }),
            cpu < softirq.counts.count, softirq.counts[cpu] > 0,
            Double(lines[top].counts[cpu]) >= inStep * Double(softirq.counts[cpu])
        else { return nil }
        return top
    }

    /// Returns what was moved of the watched threads' time, ns.
    private mutating func move(_ type: Int, on cpu: Int, to line: Int) -> UInt64 {
        lines[line].nanoseconds[cpu] &+= softirqs[type].nanoseconds[cpu]
        softirqs[type].nanoseconds[cpu] = 0
        guard cpu < softirqs[type].watchedNanoseconds.count,
            cpu < lines[line].watchedNanoseconds.count
        else { return 0 }
        let watched = softirqs[type].watchedNanoseconds[cpu]
        lines[line].watchedNanoseconds[cpu] &+= watched
        softirqs[type].watchedNanoseconds[cpu] = 0
        return watched
    }
}
