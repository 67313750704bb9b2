import Host
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

    /// Looks at `cpus` only, where they are given.
    init(
        _ lines: [InterruptLine], _ softirqs: [SoftIRQLine], on cpus: CPUList? = nil
    ) {
        self.lines = lines
        self.softirqs = softirqs
        let all = softirqs.reduce(UInt64(0)) { $0 &+ $1.watchedNanoseconds.reduce(0, &+) }
        let types = softirqs.indices.filter { Self.types.contains(softirqs[$0].name) }
        let width = types.map { softirqs[$0].nanoseconds.count }.max() ?? 0
        let places = cpus?.cpus.filter { $0 < width } ?? Array(0..<width)
        let busiest = Self.busiest(on: cpus, width: width, in: lines)
        var moved: UInt64 = 0
        for type in types {
            for cpu in places where cpu < softirqs[type].nanoseconds.count {
                guard let line = busiest[cpu], isInStep(softirqs[type], lines[line], on: cpu)
                else { continue }
                moved &+= move(type, on: cpu, to: line)
            }
        }
        movedPart = all > 0 ? Double(moved) / Double(all) : 0
    }

    /// The device's line that counts most on each CPU. Row by row, for most rows count on one.
    private static func busiest(
        on cpus: CPUList?, width: Int, in lines: [InterruptLine]
    ) -> [Int?] {
        var busiest = [Int?](repeating: nil, count: width)
        var highest = [UInt64](repeating: 0, count: width)
        for index in lines.indices where lines[index].irq != nil {
            let counts = lines[index].counts
            let counted = min(width, lines[index].nanoseconds.count)
            for cpu in counts.used.clamped(to: 0..<counted)
            where counts[cpu] > highest[cpu] && cpus?.contains(cpu) ?? true {
                (highest[cpu], busiest[cpu]) = (counts[cpu], index)
            }
        }
        return busiest
    }

    /// The line came at least half as often as the soft interrupt.
    private func isInStep(_ softirq: SoftIRQLine, _ line: InterruptLine, on cpu: Int) -> Bool {
        cpu < softirq.counts.count && softirq.counts[cpu] > 0
            && Double(line.counts[cpu]) >= Self.inStep * Double(softirq.counts[cpu])
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
