import Host
package import Signals

/// What only probes can tell, made up: a captured tree has files, and no kernel to ask.
extension Machine {
    /// Running totals of the job's threads. Launch threads and loaders work, all others sleep
    /// nearly all of the time; nobody waits for long.
    package func threads(after seconds: UInt64) -> Threads {
        var ledger = Threads()
        for (number, rank) in ranks.enumerated() {
            for (index, tid) in rank.threads.enumerated() {
                let names = ["python3", "pt_autograd_0", "pt_data_pin", "NCCL Service 0"]
                let name = index < names.count ? names[index] : "python3"
                let running: UInt64 = index == 0 ? 600 : index < names.count ? 40 : 1
                ledger.threads.append(
                    thread(tid, rank.pid, name, rank, running: running, after: seconds))
            }
            for loader in rank.loaders {
                var thread = thread(
                    loader, loader, "pt_data_worker", rank, running: 300, after: seconds)
                thread.parent = rank.pid
                ledger.threads.append(thread)
            }
            ledger.waits += waits(of: rank, number, after: seconds)
        }
        return ledger
    }

    /// `running` in milliseconds a second.
    private func thread(
        _ tid: Int32, _ pid: Int32, _ name: String, _ rank: Rank, running: UInt64,
        after seconds: UInt64
    ) -> ThreadActivity {
        var thread = ThreadActivity(tid: tid, pid: pid, startedAt: 1, name: name)
        thread.parent = 1
        thread.cpu = rank.allowed[Int(tid) % rank.allowed.count]
        thread.time[.running] = running * 1_000_000 * seconds
        thread.time[.waiting] = 30_000 * seconds
        thread.time[.irq] = 9_000 * seconds
        thread.time[.softirq] = 3_000 * seconds
        thread.time[.sleeping] = 1_000_000_000 * seconds - thread.time.total
        if nodes.count > 1 { thread.timeByNode = [rank.node: thread.time[.running]] }
        thread.systemTime = thread.time[.running] / 50
        thread.minorFaults = 41 * seconds
        thread.voluntarySwitches = 210 * seconds
        thread.preemptions = 3 * seconds
        return thread
    }

    /// Three culprits behind which each thread waits a little.
    private func waits(of rank: Rank, _ number: Int, after seconds: UInt64) -> [Wait] {
        let culprits = [
            Culprit(kind: .process, id: rank.pid, name: "python3", cgroup: Self.jobGroup),
            Culprit(kind: .kthread, id: Int32(300 + number), name: "kworker/\(number):1"),
            Culprit(kind: .process, id: 701, name: "irqbalance", cgroup: "/system.slice/x"),
        ]
        return (rank.threads + rank.loaders).flatMap { tid in
            culprits.map { Wait(tid: tid, culprit: $0, nanoseconds: 10_000 * seconds) }
        }
    }

    /// Adds to the totals of files what probes would: the ledger, handler times of one
    /// microsecond, a tenth of them taken from the job, and whose time each CPU's was.
    package func addProbed(to totals: inout Readings, after seconds: UInt64) {
        totals[Threads.self] = .success(threads(after: seconds))
        totals[Interrupts.self] = totals[Interrupts.self].map { files in
            var all = files
            for index in all.lines.indices {
                let counts = all.lines[index].counts
                all.lines[index].nanoseconds = counts.mapped { $1 * 1_000 }
                all.lines[index].watchedNanoseconds = counts.mapped { $1 * 100 }
            }
            return all
        }
        totals[SoftIRQs.self] = totals[SoftIRQs.self].map { files in
            var all = files
            for index in all.lines.indices {
                all.lines[index].nanoseconds = all.lines[index].counts.map { $0 * 1_000 }
                all.lines[index].watchedNanoseconds = all.lines[index].counts.map { $0 * 100 }
            }
            return all
        }
        totals[CPUs.self] = totals[CPUs.self].map { files in
            var all = files
            for index in all.cpus.indices {
                all.cpus[index].watched = all.cpus[index].other
                all.cpus[index].other = 0
            }
            return all
        }
    }
}
