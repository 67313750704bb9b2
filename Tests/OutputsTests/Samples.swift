import Host
import Outputs
import Rules
import Signals
import Training

/// Hand-made observations that the tests of all outputs share.
enum Samples {
    static let second: UInt64 = 1_000_000_000

    static var facts: HostFacts {
        var facts = HostFacts()
        facts.hostname = "gpu-17"
        facts.kernel = "6.8.0-45-generic"
        facts.topology.online = CPUList(0..<4)
        facts.topology.nodes = [
            NodeFacts(id: 0, cpus: CPUList(0..<2), memoryBytes: 1 << 33, distances: [10, 20]),
            NodeFacts(id: 1, cpus: CPUList(2..<4), memoryBytes: 1 << 33, distances: [20, 10]),
        ]
        return facts
    }

    static func thread(
        _ tid: Int32, pid: Int32 = 4242, _ name: String, _ milliseconds: [ThreadState: UInt64]
    ) -> ThreadActivity {
        var thread = ThreadActivity(tid: tid, pid: pid, name: name)
        thread.time = StateTimes(milliseconds.mapValues { $0 * 1_000_000 })
        return thread
    }

    static var threads: Threads {
        let loaders = (0..<13).map { index in
            thread(
                4301 + Int32(index), "pt_data_worker",
                [.running: 21_000, .io: 3000 - UInt64(index) * 200, .sleeping: 6000])
        }
        return Threads(
            threads: loaders + [
                thread(
                    4242, "python3",
                    [.running: 17_400, .waiting: 9300, .irq: 450, .softirq: 90, .sleeping: 2760]),
                thread(4280, "pt_autograd_0", [.running: 900, .waiting: 3, .sleeping: 29_097]),
            ],
            waits: [
                Wait(
                    tid: 4242, culprit: Culprit(kind: .process, id: 812, name: "python3"),
                    nanoseconds: 9_000_000_000),
                Wait(
                    tid: 4242, culprit: Culprit(kind: .kthread, id: 31, name: "ksoftirqd/3"),
                    nanoseconds: 300_000_000),
            ])
    }

    static var job: Job {
        var process = ProcessFacts(
            pid: 4242, parent: 4100, name: "python3", command: "python3 train.py --batch 512")
        process.rank = 3
        process.allowed = CPUList([2, 3])
        var roles: [Int32: Role] = [4242: .launch, 4280: .autograd]
        for tid in 4301..<4314 { roles[Int32(tid)] = .loader }
        return Job(processes: [process], roles: roles)
    }

    static var cpus: CPUs {
        CPUs(
            cpus: (0..<4).map { id in
                var cpu = CPUActivity(id: id)
                cpu.watched = UInt64(id) * 6 * second
                cpu.other = 3 * second
                cpu.kernel = second / 2
                cpu.irq = second / 10
                cpu.softirq = second / 5
                cpu.idle = 30 * second - cpu.total
                return cpu
            })
    }

    static var coverage: [Coverage] {
        [
            Coverage(signal: "sched", state: .ok, reason: nil, lost: 0),
            Coverage(signal: "irq", state: .degraded, reason: nil, lost: 1234),
            Coverage(
                signal: "block", state: .missing, reason: "needs CAP_BPF or root to load probes",
                lost: 0),
        ]
    }

    static func observation(
        threads: Threads? = Samples.threads, job: Job = Samples.job
    ) -> Observation {
        var change = Readings()
        if let threads { change[Threads.self] = .success(threads) }
        change[CPUs.self] = .success(cpus)
        return Observation(
            facts: facts, job: job, whole: Window(nanoseconds: 30 * second, change: change),
            coverage: coverage, startedAt: 1_767_225_600)
    }
}

extension Samples {
    static var contention: Finding {
        var finding = Finding(
            rule: "strangers-on-training-cpus", cause: .cpuContention, severity: .warning,
            confidence: .measured,
            summary: "The launch thread of rank 3 waited 31 % of its time for CPU 3 while "
                + "python3 (pid 812) ran there.",
            culprit: FindingCulprit(kind: .process, id: "812", name: "python3"),
            affected: [Affected(pid: 4242, tid: 4242, role: .launch)],
            evidence: [
                Evidence(
                    name: "time waiting for a CPU", value: 0.31, unit: "share", threshold: 0.05,
                    source: "judgement"),
                Evidence(name: "preemptions", value: 12_345, unit: "1/s"),
            ],
            fix: Fix(
                commands: ["taskset -apc 0-1 812", "renice -n 10 -p 812"],
                persist: ["systemctl set-property other.service AllowedCPUs=0-1"],
                rollback: ["taskset -apc 0-3 812", "renice -n 0 -p 812"],
                risk: "pid 812 gets slower.", managedBy: "slurmd"),
            verify: "stoker diagnose shows less than 1 % waiting for tid 4242.")
        finding.cost.threadSecondsPerSecond = 0.31
        finding.cost.launchShare = 0.31
        return finding
    }

    static var setting: Finding {
        Finding(
            rule: "swappiness", cause: .swap, severity: .info, confidence: .configuration,
            summary: "vm.swappiness is 60: memory of the job may be swapped for file cache.",
            evidence: [],
            fix: .sysctl("vm.swappiness", to: "1", from: "60", risk: "Less file cache."),
            verify: "")
    }

    static var diagnosis: Diagnosis {
        Diagnosis(
            verdict: .hostBound, findings: [contention, setting],
            excluded: [
                Excluded(cause: .softirqLoad, upperBound: 0.003),
                Excluded(cause: .irqLoad, upperBound: 0.015),
                Excluded(cause: .memoryReclaim, upperBound: 0),
            ],
            unchecked: [
                Unchecked(rule: "slow-disk", reason: "needs CAP_BPF or root to load probes"),
                Unchecked(rule: "deep-queues", reason: "needs CAP_BPF or root to load probes"),
            ])
    }

    static var rule: Rule {
        Rule(
            id: "strangers-on-training-cpus", cause: .cpuContention, ceiling: .critical,
            title: "Other programs run where the job wants to run",
            explanation: Explanation(
                what: "Somebody else's threads share CPUs with the job.",
                why: """
                    The GPU gets its next kernel from one thread. While that thread stands in
                    line, the GPU runs dry.

                    All other ranks then wait in the next collective.
                    """,
                seen: "sched_switch tells who ran while whom waited.",
                fix: "It moves the stranger to other CPUs.",
                avoid: "When the stranger feeds the job.", verify: "Look again.",
                sources: ["sched(7)", "https://docs.kernel.org/scheduler/sched-stats.html"])
        ) { _ throws(Unavailable) in [] }
    }
}

extension Samples {
    /// The rich sample with `name` wherever somebody else chooses the text.
    static func hostile(_ name: String) -> (Observation, Diagnosis) {
        var threads = Samples.threads
        for index in threads.threads.indices { threads.threads[index].name = name }
        threads.waits[0].culprit.name = name
        threads.waits[0].culprit.cgroup = name
        var job = Samples.job
        job.processes[0].name = name
        job.processes[0].command = name + name
        var observation = Samples.observation(threads: threads, job: job)
        observation.facts.hostname = name
        observation.facts.kernel = name
        observation.coverage[1].reason = name
        var diagnosis = Samples.diagnosis
        diagnosis.findings[0].summary += name
        diagnosis.findings[0].culprit = FindingCulprit(kind: .cgroup, id: name, name: name)
        diagnosis.findings[0].evidence[0].name = name
        diagnosis.findings[0].evidence[1].unit = name
        diagnosis.findings[0].fix.commands = ["taskset " + shellWord(name), name]
        diagnosis.findings[0].fix.managedBy = name
        diagnosis.findings[1].summary = name
        diagnosis.unchecked[0].reason = name
        return (observation, diagnosis)
    }
}
