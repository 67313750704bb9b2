import Rules
import Signals
import Training

/// Rows that a table shows before it says how many there are more.
let mostRows = 12

extension Page {
    /// Where the time went: of the job's threads, or of the whole machine.
    mutating func writeTime(_ observation: Observation) {
        let threads = try? observation.threads()
        if observation.job.scope == .host { return writeMachine(observation, threads) }
        guard let threads, !threads.threads.isEmpty else { return }
        heading("Where the time went")
        writeProcesses(observation, threads)
        let sum = threads.threads.reduce(StateTimes()) { $0 + $1.time }
        blank()
        paragraph(
            "Percent of wall time; held: interrupted, or blocked but not asleep.",
            indent: 2)
        items(legend(parts(sum), style: style), indent: 2)
        blank()
        writeThreadHead()
        for thread in ranking(threads.threads, observation.job, mostRows) {
            writeThread(thread, observation.job)
        }
        writeRest(threads.threads.count - mostRows, "thread")
        writeWaits(threads)
    }

    mutating func writeRest(_ count: Int, _ noun: String) {
        if count > 0 { line("and \(counted(count, "more " + noun))", indent: 2, tint: .dim) }
    }

    /// One line for each watched process.
    private mutating func writeProcesses(_ observation: Observation, _ threads: Threads) {
        let processes = observation.job.processes
        for process in processes.prefix(4) {
            let members = threads.threads.filter { $0.pid == process.pid }
            paragraph(processLine(process, threads: members.count), indent: 2)
            if let line = identityLine(process) { paragraph(line, indent: 4) }
            if let line = placementLine(process, members, observation) {
                paragraph(line, indent: 4)
            }
        }
        writeRest(processes.count - 4, "process")
    }

    /// Columns that the bar leaves to everything else.
    private var roomForBar: Int { min(40, width - 63) }
    /// Thread ids give way first.
    private var showsTid: Bool { roomForBar >= 8 }
    private var barWidth: Int { showsTid ? roomForBar : max(8, min(40, width - 54)) }

    private mutating func writeThreadHead() {
        row(
            leading("thread", "tid", "role", tint: .dim),
            bar: [(sign: spaces(barWidth), tint: nil)],
            ["run", "wait", "held", "sleep"].map { number($0, tint: .dim) }, indent: 2)
    }

    private mutating func writeThread(_ thread: ThreadActivity, _ job: Job) {
        let time = thread.time
        let name = thread.name + (thread.hasExited ? " (exited)" : "")
        let numbers = [time[.running], time[.waiting], time.held, time[.sleeping]]
        row(
            leading(name, "\(thread.tid)", job.role(thread.tid).rawValue),
            bar: bar(parts(time), width: barWidth, style: style),
            numbers.map { number(tableShare(time.share($0))) }, indent: 2)
    }

    private func leading(
        _ name: String, _ tid: String, _ role: String, tint: Tint? = nil
    ) -> [Cell] {
        let name = Cell(text: name, width: 15, tint: tint)
        let tid = Cell(text: tid, width: 8, isRight: true, tint: tint)
        let role = Cell(text: role, width: 10, tint: tint)
        return showsTid ? [name, tid, role] : [name, role]
    }

    mutating func writeWaits(_ threads: Threads) {
        guard let line = waitsLine(threads) else { return }
        blank()
        paragraph(line, indent: 2)
    }
}

/// `pid 4242, rank 3, 15 threads: python3 train.py`
func processLine(_ process: ProcessFacts, threads: Int) -> String {
    let command = process.command.isEmpty ? process.name : process.command
    let rank = process.rank.map { ", rank \($0)" } ?? ""
    return "pid \(process.pid)\(rank), \(counted(threads, "thread")): \(shown(command))"
}

/// Behind whom the threads waited for a CPU; `nil` where none did.
func waitsLine(_ threads: Threads) -> String? {
    struct Key: Hashable {
        var id: Int32
        var kind: Culprit.Kind
    }
    // By index: there are thousands of waits, and few culprits.
    let waits = threads.waits
    var byCulprit: [Key: (first: Int, time: UInt64)] = [:]
    var total: UInt64 = 0
    for index in waits.indices where waits[index].nanoseconds > 0 {
        let key = Key(id: waits[index].culprit.id, kind: waits[index].culprit.kind)
        byCulprit[key, default: (index, 0)].time &+= waits[index].nanoseconds
        total &+= waits[index].nanoseconds
    }
    guard total > 0 else { return nil }
    let worst = byCulprit.sorted { ($0.value.time, $1.key.id) > ($1.value.time, $0.key.id) }
    let names = worst.prefix(4).map { _, sum in
        "\(described(waits[sum.first].culprit)) \(percent(Double(sum.time) / Double(total)))"
    }
    return "Of \(duration(nanoseconds: total)) waiting for a CPU, behind: "
        + names.joined(separator: ", ") + "."
}

func number(_ text: String, tint: Tint? = nil) -> Cell {
    Cell(text: text, width: 5, isRight: true, tint: tint)
}

func parts(_ time: StateTimes) -> [(part: BarPart, amount: UInt64)] {
    ThreadState.allCases.map { (part: $0.part, amount: time[$0]) }
}

/// The first `count`: launch threads first, then those that lost most; ties by tid.
func ranking(_ threads: [ThreadActivity], _ job: Job, _ count: Int) -> [ThreadActivity] {
    // Threads are large and there are thousands: what moves is their places.
    let keys = threads.indices.map { place in
        (
            isLaunch: job.role(threads[place].tid) == .launch, lost: threads[place].time.lost,
            running: threads[place].time[.running], tid: threads[place].tid, place: place
        )
    }
    return keys.sorted { left, right in
        if left.isLaunch != right.isLaunch { return left.isLaunch }
        if left.lost != right.lost { return left.lost > right.lost }
        if left.running != right.running { return left.running > right.running }
        return left.tid < right.tid
    }.prefix(count).map { threads[$0.place] }
}

/// Who had the CPU, in a few words.
func described(_ culprit: Culprit) -> String {
    let name = shown(culprit.name)
    switch culprit.kind {
    case .process, .kthread:
        return name.isEmpty ? "pid \(culprit.id)" : "\(name) (pid \(culprit.id))"
    case .idle: return "nobody (wake-up or hypervisor)"
    case .yield: return "its own yield"
    case .stoker: return "stoker itself"
    case .unknown: return "not recorded"
    }
}
