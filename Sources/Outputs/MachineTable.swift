import Signals
import Training

/// Threads of one process, summed.
struct ProcessSum {
    var pid: Int32
    var name: String
    var threads = 0
    var time = StateTimes()
}

/// Threads by process, the busiest first; ties by pid.
func processSums(_ threads: [ThreadActivity], _ job: Job) -> [ProcessSum] {
    let names = Dictionary(job.processes.map { ($0.pid, $0.name) }) { first, _ in first }
    var sums: [Int32: ProcessSum] = [:]
    for thread in threads {
        let name = names[thread.pid] ?? thread.name
        var sum = sums[thread.pid] ?? ProcessSum(pid: thread.pid, name: name)
        sum.threads += 1
        sum.time = sum.time + thread.time
        sums[thread.pid] = sum
    }
    return sums.values.sorted { left, right in
        (left.time.awake, right.pid) > (right.time.awake, left.pid)
    }
}

extension CPUActivity {
    /// The job's share first, then what competes with it.
    func parts(job: String) -> [(part: BarPart, amount: UInt64)] {
        [
            (BarPart(name: job, sign: "█", ascii: "#", tint: .green), watched),
            (BarPart(name: "other", sign: "▒", ascii: "o", tint: .yellow), other),
            (BarPart(name: "kernel", sign: "▄", ascii: "k", tint: .cyan), kernel),
            (BarPart(name: "irq", sign: "▲", ascii: "I", tint: .magenta), irq),
            (BarPart(name: "softirq", sign: "△", ascii: "S", tint: .magenta), softirq),
            (BarPart(name: "idle", sign: "·", ascii: ".", tint: .dim), idle),
        ]
    }
}

extension Page {
    /// The whole machine: its CPUs and its processes.
    mutating func writeMachine(_ observation: Observation, _ threads: Threads?) {
        if let cpus = try? observation.whole(CPUs.self), !cpus.cpus.isEmpty {
            heading("Where the CPUs' time went")
            writeCPUs(cpus.cpus)
        }
        guard let threads, !threads.threads.isEmpty else { return }
        heading("Who used them")
        writeProcessSums(
            processSums(threads.threads, observation.job),
            nanoseconds: observation.whole.nanoseconds)
        writeWaits(threads)
    }

    private mutating func writeCPUs(_ cpus: [CPUActivity]) {
        let busiest = cpus.sorted { left, right in
            (left.total &- left.idle, right.id) > (right.total &- right.idle, left.id)
        }
        let names = ["job", "other", "kern", "irq", "soft", "idle"]
        let barWidth = max(8, min(40, width - 48))
        var sum = CPUActivity(id: 0)
        for cpu in cpus { sum.add(cpu) }
        line("Percent of each CPU's time", indent: 2)
        items(legend(sum.parts(job: "programs"), style: style), indent: 2)
        blank()
        row(
            [Cell(text: "cpu", width: 8, tint: .dim)],
            bar: [(sign: spaces(barWidth), tint: nil)],
            names.map { number($0 == "job" ? "prog" : $0, tint: .dim) }, indent: 2)
        for cpu in busiest.prefix(mostRows) {
            let parts = cpu.parts(job: "programs")
            let total = Double(max(cpu.total, 1))
            row(
                [Cell(text: "cpu \(cpu.id)", width: 8)],
                bar: bar(parts, width: barWidth, style: style),
                parts.map { number(tableShare(Double($0.amount) / total)) }, indent: 2)
        }
        writeRest(busiest.count - mostRows, "CPU")
        let stolen = Double(sum.steal) / Double(max(sum.total, 1))
        guard stolen >= 0.01 else { return }
        paragraph("The hypervisor had \(percent(stolen)) of it all.", indent: 2)
    }

    private mutating func writeProcessSums(_ sums: [ProcessSum], nanoseconds: UInt64) {
        let barWidth = max(8, min(40, width - 58))
        let sum = sums.reduce(StateTimes()) { $0 + $1.time }
        paragraph(
            "Threads at a time that ran, waited for a CPU or were held; the bar shows the time "
                + "awake", indent: 2)
        items(legend(awakeParts(sum), style: style), indent: 2)
        blank()
        row(
            leading("process", "pid", "threads", tint: .dim),
            bar: [(sign: spaces(barWidth), tint: nil)],
            ["run", "wait", "held"].map { number($0, tint: .dim) }, indent: 2)
        for sum in sums.prefix(mostRows) {
            let numbers = [sum.time[.running], sum.time[.waiting], sum.time.held]
            row(
                leading(sum.name, "\(sum.pid)", "\(sum.threads)"),
                bar: bar(awakeParts(sum.time), width: barWidth, style: style),
                numbers.map { number(fixed(Double($0) / Double(max(nanoseconds, 1)), 2)) },
                indent: 2)
        }
        writeRest(sums.count - mostRows, "process")
    }

    private func leading(
        _ name: String, _ pid: String, _ threads: String, tint: Tint? = nil
    ) -> [Cell] {
        [
            Cell(text: name, width: 15, tint: tint),
            Cell(text: pid, width: 8, isRight: true, tint: tint),
            Cell(text: threads, width: 7, isRight: true, tint: tint),
        ]
    }
}

private func awakeParts(_ time: StateTimes) -> [(part: BarPart, amount: UInt64)] {
    ThreadState.allCases.filter { $0 != .sleeping }.map { (part: $0.part, amount: time[$0]) }
}

extension CPUActivity {
    mutating func add(_ more: CPUActivity) {
        watched &+= more.watched
        other &+= more.other
        kernel &+= more.kernel
        irq &+= more.irq
        softirq &+= more.softirq
        idle &+= more.idle
        steal &+= more.steal
    }
}
