import Host
package import Signals

/// What a machine's job may suffer, added to totals after so many seconds.
extension Machine {
    /// The CPU of the first rank's launch thread, and that thread.
    package var launch: (tid: Int32, pid: Int32, cpu: Int)? {
        threads(after: 0).threads.first.map { ($0.tid, $0.pid, $0.cpu) }
    }

    /// An interrupt takes a tenth of the launch thread's CPU: the first device's last vector, which
    /// somebody placed there.
    package func addInterruptLoad(_ totals: inout Readings, _ seconds: UInt64) {
        guard let launch, let irq = interrupts.last(where: { !$0.isManaged })?.irq else { return }
        totals[Interrupts.self] = totals[Interrupts.self].map { files in
            var all = files
            for index in all.lines.indices where all.lines[index].irq == irq {
                all.lines[index].counts[launch.cpu] += 20_000 * seconds
                all.lines[index].nanoseconds[launch.cpu] += 100_000_000 * seconds
                all.lines[index].watchedNanoseconds[launch.cpu] += 60_000_000 * seconds
            }
            return all
        }
        change(&totals, launch.tid) { thread in
            thread.time[.irq] += 60_000_000 * seconds
            thread.time[.running] -= 60_000_000 * seconds
        }
    }

    /// The launch thread waits behind a kernel worker, and behind a program of the system.
    package func addForeignWork(_ totals: inout Readings, _ seconds: UInt64) {
        guard let launch else { return }
        change(&totals, launch.tid) { thread in
            thread.time[.waiting] += 140_000_000 * seconds
            thread.time[.running] -= 140_000_000 * seconds
        }
        totals[Threads.self] = totals[Threads.self].map { ledger in
            var all = ledger
            let worker = Culprit(kind: .kthread, id: 37, name: "kworker/u512:3")
            let program = Culprit(
                kind: .process, id: 4321, name: "rsync", cgroup: "/system.slice/backup.service")
            all.waits += [(worker, 60_000_000), (program, 80_000_000)].map {
                Wait(tid: launch.tid, culprit: $0, nanoseconds: $1 * seconds)
            }
            return all
        }
    }

    /// The launch thread goes from cache to cache and from node to node.
    package func addMigrations(_ totals: inout Readings, _ seconds: UInt64) {
        guard let launch else { return }
        change(&totals, launch.tid) { thread in
            thread.migrations += 190 * seconds
            thread.cacheMigrations += 120 * seconds
            thread.nodeMigrations += 70 * seconds
        }
    }

    private func change(
        _ totals: inout Readings, _ tid: Int32, _ edit: (inout ThreadActivity) -> Void
    ) {
        totals[Threads.self] = totals[Threads.self].map { ledger in
            var all = ledger
            for index in all.threads.indices where all.threads[index].tid == tid {
                edit(&all.threads[index])
            }
            return all
        }
    }
}
