import Rules
import Signals
import Training

/// A page has room for more rows than a terminal.
private let mostThreads = 16
private let mostProcesses = 8

extension HTML {
    /// Where the time goes now: of the job's threads, or of the whole machine.
    mutating func time(_ observation: Observation) {
        let threads = try? observation.threads()
        if observation.job.scope == .host { return machine(observation, threads) }
        guard let threads, !threads.threads.isEmpty else { return }
        element(.section) { section in
            section.element(.h2, text: "Where the time goes now")
            section.element(
                .p, "quiet",
                text: "Percent of wall time; held: interrupted, or blocked but not asleep.")
            let sums = roleSums(threads.threads, observation.job)
            section.legend(pageParts(sums.reduce(StateTimes()) { $0 + $1.time }))
            section.threadTable(threads.threads, sums, observation.job)
            section.waits(threads)
            section.processes(observation, threads)
        }
    }

    /// Those that launch work first; their helpers are many and alike.
    private mutating func processes(_ observation: Observation, _ threads: Threads) {
        let job = observation.job
        let all = threads.threads
        let launching = Set(
            all.indices.lazy.filter { job.role(all[$0].tid) == .launch }.map { all[$0].pid })
        let first = job.processes.filter { launching.contains($0.pid) }
        let chosen = (first.isEmpty ? job.processes : first).prefix(mostProcesses)
        let pids = Set(chosen.map(\.pid))
        let members = Dictionary(
            grouping: all.indices.lazy.filter { pids.contains(all[$0].pid) }
        ) { all[$0].pid }
        element(.h3, text: "Who is watched")
        element(.ul, classes: "processes") { list in
            for process in chosen {
                let own = (members[process.pid] ?? []).map { all[$0] }
                let lines = [identityLine(process), placementLine(process, own, observation)]
                let more = lines.compactMap { $0 }.joined(separator: "; ")
                list.element(.li) { item in
                    item.add(processLine(process, threads: own.count), limit: 200)
                    if !more.isEmpty { item.element(.div, "quiet", text: more, limit: 300) }
                }
            }
            list.more(job.processes.count - chosen.count, "process")
        }
    }

    /// Sums by role, then the threads that matter most.
    private mutating func threadTable(
        _ threads: [ThreadActivity], _ sums: [RoleSum], _ job: Job
    ) {
        tableOfTime(["role or thread", "tid", ""], ["run", "wait", "held", "sleep"]) { body in
            for sum in sums {
                body.timeRow(
                    [sum.role.rawValue, "", counted(sum.threads, "thread")],
                    pageParts(sum.time), shares(sum.time), classes: "sum")
            }
            for thread in ranking(threads, job, mostThreads) {
                let name = shown(thread.name) + (thread.hasExited ? " (exited)" : "")
                body.timeRow(
                    [name, "\(thread.tid)", job.role(thread.tid).rawValue],
                    pageParts(thread.time), shares(thread.time))
            }
        }
        more(threads.count - mostThreads, "thread", in: .p)
    }

    private mutating func machine(_ observation: Observation, _ threads: Threads?) {
        if let cpus = try? observation.whole(CPUs.self), !cpus.cpus.isEmpty {
            element(.section) { section in
                section.element(.h2, text: "Where the CPUs' time goes now")
                section.cpus(cpus.cpus)
            }
        }
        guard let threads, !threads.threads.isEmpty else { return }
        element(.section) { section in
            section.element(.h2, text: "Who uses them")
            section.processSums(
                Outputs.processSums(threads.threads, observation.job),
                nanoseconds: observation.whole.nanoseconds)
            section.waits(threads)
        }
    }

    private mutating func cpus(_ cpus: [CPUActivity]) {
        let busiest = cpus.sorted { left, right in
            (left.total &- left.idle, right.id) > (right.total &- right.idle, left.id)
        }
        var sum = CPUActivity(id: 0)
        for cpu in cpus { sum.add(cpu) }
        element(.p, "quiet", text: "Percent of each CPU's time")
        legend(cpuParts(sum))
        tableOfTime(["cpu"], ["prog", "other", "kern", "irq", "soft", "idle"]) { body in
            body.timeRow(["all"], cpuParts(sum), cpuShares(sum), classes: "sum")
            for cpu in busiest.prefix(mostThreads) {
                body.timeRow(["cpu \(cpu.id)"], cpuParts(cpu), cpuShares(cpu))
            }
        }
        more(busiest.count - mostThreads, "CPU", in: .p)
        let stolen = Double(sum.steal) / Double(max(sum.total, 1))
        guard stolen >= 0.01 else { return }
        element(.p, text: "The hypervisor had \(percent(stolen)) of it all.")
    }

    private mutating func processSums(_ sums: [ProcessSum], nanoseconds: UInt64) {
        let awake = sums.map { awakeParts($0.time) }
        let sum = sums.reduce(StateTimes()) { $0 + $1.time }
        element(
            .p, "quiet",
            text: "Threads at a time that ran, waited for a CPU or were held; the bar shows the "
                + "time awake.")
        legend(awakeParts(sum))
        tableOfTime(["process", "pid", "threads"], ["run", "wait", "held"]) { body in
            for (sum, parts) in zip(sums, awake).prefix(mostProcesses) {
                let numbers = [sum.time[.running], sum.time[.waiting], sum.time.held]
                body.timeRow(
                    [shown(sum.name), "\(sum.pid)", grouped(UInt64(sum.threads))], parts,
                    numbers.map { fixed(Double($0) / Double(max(nanoseconds, 1)), 2) })
            }
        }
        more(sums.count - mostProcesses, "process", in: .p)
    }

    private mutating func waits(_ threads: Threads) {
        if let line = waitsLine(threads) { element(.p, text: line) }
    }

    /// Names, a bar, and numbers.
    private mutating func tableOfTime(
        _ names: [String], _ numbers: [String], _ rows: (inout HTML) -> Void
    ) {
        element(.table, classes: "time") { table in
            table.element(.thead) { head in
                head.element(.tr) { row in
                    for (index, name) in names.enumerated() {
                        row.element(
                            .th, [(.scope, "col"), (.classes, index > 0 ? "extra" : "name")]
                        ) { $0.add(name) }
                    }
                    row.element(.th, [(.scope, "col"), (.classes, "bars")])
                    for name in numbers {
                        row.element(.th, [(.scope, "col"), (.classes, "number")]) {
                            $0.add(name)
                        }
                    }
                }
            }
            table.element(.tbody) { rows(&$0) }
        }
    }

    private mutating func timeRow(
        _ names: [String], _ parts: [PagePart], _ numbers: [String], classes: String = ""
    ) {
        element(.tr, classes.isEmpty ? [] : [(.classes, classes)]) { row in
            for (index, name) in names.enumerated() {
                row.element(.td, index > 0 ? "extra" : "name", text: name)
            }
            row.element(.td, classes: "bars") { $0.bar(parts) }
            for number in numbers { row.element(.td, "number", text: number) }
        }
    }
}

private func shares(_ time: StateTimes) -> [String] {
    [time[.running], time[.waiting], time.held, time[.sleeping]]
        .map { tableShare(time.share($0)) }
}

private func awakeParts(_ time: StateTimes) -> [PagePart] {
    pageParts(time).filter { $0.colour != TimeGroup.sleeping.rawValue }
}

/// Threads of one role, summed.
private struct RoleSum {
    var role: Role
    var threads = 0
    var time = StateTimes()
}

/// In the order of the roles, without those that nobody has.
private func roleSums(_ threads: [ThreadActivity], _ job: Job) -> [RoleSum] {
    let roles = Role.allCases
    var sums = roles.map { RoleSum(role: $0) }
    // By index: a thread is large, and there are thousands.
    for index in threads.indices {
        guard let place = roles.firstIndex(of: job.role(threads[index].tid)) else { continue }
        sums[place].threads += 1
        sums[place].time = sums[place].time + threads[index].time
    }
    return sums.filter { $0.threads > 0 }
}

private func cpuParts(_ cpu: CPUActivity) -> [PagePart] {
    let colours = ["running", "waiting", "memory", "interrupted", "soft", "sleeping"]
    return zip(cpu.parts(job: "programs"), colours).map { entry, colour in
        PagePart(name: entry.part.name, colour: colour, amount: entry.amount)
    }
}

private func cpuShares(_ cpu: CPUActivity) -> [String] {
    cpuParts(cpu).map { tableShare(Double($0.amount) / Double(max(cpu.total, 1))) }
}
