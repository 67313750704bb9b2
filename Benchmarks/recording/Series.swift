import Host
import Recording
import Signals
import Training

/// Ticks as a host would have them: the files of this one, and a ledger that is made up.
struct Series {
    /// One thread in so many works; the others sleep, as most threads of a job do.
    private static let busyPart = 8
    private static let second: UInt64 = 1_000_000_000

    private let facts: HostFacts
    private let sensors: Sensors
    private var job: Job
    private var threads = Threads()
    private var monotonic = monotonicNanoseconds()
    private var wallClock = 1_795_000_000.0

    init(threads count: Int) {
        let host = Host()
        facts = HostFacts.read(from: host)
        let source = Source(host: host, facts: facts, watch: Watch(), probes: false)
        sensors = Sensors(allSignals.filter { $0.name != Threads.name }, on: source)
        let names = [
            "python3", "pt_data_worker", "cuda-EvtHandlr", "NCCL Service 0", "pt_autograd_0",
        ]
        threads.threads = (0..<count).map { number in
            let pid = Int32(10_000 + number / 64 * 64)
            var thread = ThreadActivity(
                tid: Int32(10_000 + number), pid: pid, startedAt: UInt64(number) * 1_234_567,
                name: names[number % names.count])
            thread.time[.sleeping] = Self.second
            return thread
        }
        job = Job(
            processes: Set(threads.threads.map(\.pid)).sorted().map {
                ProcessFacts(pid: $0, name: "python3", command: "python3 train.py --rank \($0)")
            })
        for thread in threads.threads { job.roles[thread.tid] = .other }
    }

    /// The files are read here, so that who measures can leave that out.
    mutating func next() -> Entry {
        monotonic += Self.second + UInt64.random(in: 0..<2_000_000)
        wallClock += 1
        var late: UInt64 = 0
        for index in threads.threads.indices {
            late += UInt64.random(in: 200..<900)
            if index % Self.busyPart == 0 {
                work(&threads.threads[index], late)
            } else {
                threads.threads[index].time[.sleeping] += Self.second + late
            }
        }
        noteWaits()
        var sample = sensors.sample()
        sample.monotonic = monotonic
        sample.totals[Threads.self] = .success(threads)
        return Entry(wallClock: wallClock, sample: sample, job: job, facts: facts)
    }

    private func work(_ thread: inout ThreadActivity, _ late: UInt64) {
        let running = UInt64.random(in: 0..<Self.second)
        let waiting = UInt64.random(in: 0..<(Self.second - running) / 8 + 1)
        thread.time[.running] += running
        thread.time[.waiting] += waiting
        thread.time[.irq] += UInt64.random(in: 0..<100_000)
        thread.time[.softirq] += UInt64.random(in: 0..<50_000)
        thread.time[.sleeping] += Self.second - running - waiting + late
        thread.systemTime += running / 10
        thread.minorFaults += UInt64.random(in: 0..<500)
        thread.voluntarySwitches += UInt64.random(in: 0..<2_000)
        thread.preemptions += UInt64.random(in: 0..<50)
        thread.migrations += UInt64.random(in: 0..<20)
        thread.cpu = Int.random(in: 0..<16)
    }

    private mutating func noteWaits() {
        for (index, thread) in threads.threads.enumerated() where index % Self.busyPart == 0 {
            let culprit = Culprit(
                kind: .process, id: Int32.random(in: 300..<310), name: "rsync",
                cgroup: "/system.slice/backup.service")
            let place = threads.waits.firstIndex {
                $0.tid == thread.tid && $0.culprit.id == culprit.id
            }
            let more = UInt64.random(in: 1_000..<1_000_000)
            if let place {
                threads.waits[place].nanoseconds += more
            } else {
                threads.waits.append(Wait(tid: thread.tid, culprit: culprit, nanoseconds: more))
            }
        }
    }
}
