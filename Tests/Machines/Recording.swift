package import Host
package import Signals
package import Training

/// What Stoker read of a described machine, once a second. Kept apart from what is made of it, so
/// that one tree of files serves a quiet machine and troubled ones.
package struct Recording: Sendable {
    package let machine: Machine
    package let facts: HostFacts
    private let processes: [ProcessFacts]
    private let samples: [Sample]

    /// Looks at the machine for `seconds`, after it was written to `tree`.
    package init(
        of machine: Machine, in tree: borrowing Tree, for seconds: UInt64
    ) throws(FileError) {
        let host = tree.host
        self.machine = machine
        facts = HostFacts.read(from: host)
        let source = Source(
            host: host, facts: facts, watch: Watch(pids: machine.jobPids), probes: false)
        let sensors = Sensors(on: source)
        var samples: [Sample] = []
        for second in 0...seconds {
            try machine.writeCounters(to: tree, after: second)
            source.isAtEnd = second == seconds
            var sample = sensors.sample()
            sample.monotonic = 1 + second * 1_000_000_000
            machine.addProbed(to: &sample.totals, after: second)
            samples.append(sample)
        }
        self.samples = samples
        var watcher = JobWatcher(on: host, scope: .processes, gpus: GPUTable(facts.devices))
        watcher.update(machine.threads(after: 0))
        processes = watcher.job(machine.threads(after: seconds)).processes
    }

    /// The totals after each second, disturbed as in `observation`.
    package func samples(_ disturb: (inout Readings, UInt64) -> Void = { _, _ in }) -> [Sample] {
        var samples = samples
        for index in samples.indices { disturb(&samples[index].totals, UInt64(index)) }
        return samples
    }

    /// The whole time and its seconds. `disturb` gets the totals after so many seconds and may add
    /// what a quiet machine lacks.
    package func observation(
        _ disturb: (inout Readings, UInt64) -> Void = { _, _ in }
    ) -> Observation {
        let samples = samples(disturb)
        let whole = Window(
            from: samples[0], to: samples[samples.count - 1], of: allSignals)
        let threads = (try? whole(Threads.self)) ?? Threads()
        return Observation(
            facts: facts,
            job: Job(processes: processes, roles: roles(of: threads, in: processes)),
            whole: whole,
            timeline: zip(samples, samples.dropFirst()).map {
                Window(from: $0, to: $1, of: allSignals)
            },
            coverage: whole.change.coverage(of: allSignals))
    }
}
