import Host
import Signals
import Training

private let cpuShare = Limit(0.03, "share of the CPU", source: "judgement; 0.03 % when clean")
private let hostRate = Limit(10, "ms/s", source: "judgement")
private let launchShare = Limit(0.01, "share of wall", source: "judgement")
private let otherShare = Limit(0.05, "share of wall", source: "judgement")
/// Of the timer's tick alone, which nothing but a reboot changes and which a virtual machine pays
/// more for.
private let tickShare = Limit(0.05, "share of wall", source: "judgement")

extension Rule {
    package static let irqOnTrainingCores = Rule(
        id: "irq-on-training-cores", cause: .irqLoad, ceiling: .critical,
        title: "Device interrupts stop training threads",
        explanation: Explanation(
            what: """
                A device that has something to say interrupts a CPU. Whatever runs there stops \
                until the handler is done. Which CPU is interrupted is a setting of each \
                interrupt (IRQ).
                """,
            why: """
                Interrupts of a busy disk or network card arrive by the ten thousand a second. On \
                the CPU of a launch thread, each one holds up the next piece of work for the GPU \
                and throws things out of the cache.
                """,
            seen: """
                Stoker measures the time in each handler by CPU, and what it took from watched \
                threads. Because a thread that sleeps most of the time can only be stopped while \
                it runs, the load of the CPUs it runs on counts too. Calls between CPUs for TLB \
                flushes belong to another rule.
                """,
            fix: """
                Sends the interrupt to housekeeping CPUs on the same memory node, or moves the \
                launch thread off the interrupted CPU where the kernel does not let it be moved.
                """,
            avoid: """
                Not below the limits: on a clean host interrupts take 0.03 %. irqbalance undoes \
                such changes unless the CPUs are banned in its configuration; an empty ban list \
                there also lifts its protection of isolated CPUs. Do not put every interrupt of \
                a fast network card on one CPU.
                """,
            verify: "stoker diagnose: time in interrupts on launch CPUs falls below 3 %.",
            sources: [
                "Documentation/core-api/irq/irq-affinity.rst", "irqbalance(1)",
                "Documentation/admin-guide/kernel-parameters.txt (isolcpus, irqaffinity)",
                "https://eunomia.dev/blog/2026/05/24/",
            ]),
        check: { observation throws(Unavailable) in try observation.interruptLoad() })
}

/// How much interrupts take from the threads that matter.
private struct InterruptLoad {
    var losses: [ThreadLoss]
    /// Those of `losses` that are reported, and threads on the CPUs that are loaded.
    var hit: [ThreadActivity]
    var cpus: CPUList
    var worstCPU: Double
    var rate: Double
    var top: InterruptLine
    /// Without the timer's tick there would be nothing to report.
    var isTickAlone: Bool
}

extension Observation {
    fileprivate func interruptLoad() throws(Unavailable) -> [Finding] {
        let threads = try probedThreads()
        let lines = try whole(Interrupts.self).lines
        guard lines.contains(where: { !$0.nanoseconds.isEmpty }) else {
            throw Unavailable("time in interrupt handlers is only known with kernel probes")
        }
        let soft = (try? whole(SoftIRQs.self))?.lines ?? []
        let critical = criticalCPUs(threads)
        guard mayReachLimits(threads, lines, soft, critical),
            let load = load(threads, lines, BottomHalves(lines, soft), critical), isLasting(load)
        else { return [] }
        let worst = load.losses.first { $0.isLaunch } ?? load.losses.first
        let share = worst?.share ?? 0
        return [
            Finding(
                rule: "irq-on-training-cores", cause: .irqLoad,
                severity: load.isTickAlone && !tickShare.isReached(by: share)
                    ? .info : severity(load.losses),
                confidence: load.losses.isEmpty ? .associated : .measured,
                summary: """
                    interrupts, most of all \(load.top.label) (\(load.top.name)), took \
                    \(SchedulingText.percent(load.worstCPU)) of a CPU that training threads run \
                    on and \(SchedulingText.percent(share)) of \
                    \(worst.map(SchedulingText.thread) ?? "their time")
                    """,
                culprit: FindingCulprit(
                    kind: .irq, id: load.top.irq.map(String.init) ?? load.top.label,
                    name: load.top.name),
                affected: load.hit.map { affected($0) },
                evidence: [
                    cpuShare.evidence("interrupts on CPUs of launch threads", load.worstCPU),
                    hostRate.evidence("taken from launch and NCCL threads", load.rate),
                    launchShare.evidence("taken from the worst-hit thread", share),
                    Evidence(
                        name: "time in \(load.top.label) on these CPUs",
                        value: milliseconds(load.top.time(on: load.cpus)), unit: "ms/s"),
                ],
                fix: interruptFix(load.top, load.cpus, load.hit, threads),
                verify: """
                    stoker diagnose: below 3 % on launch CPUs; /proc/interrupts shows the line \
                    counting elsewhere
                    """,
                claims: load.losses.flatMap(\.claims))
        ]
    }

    /// Whether any limit could be reached if all soft interrupts were the devices': on most hosts
    /// none is, and looking closer at thousands of threads and lines is dear.
    private func mayReachLimits(
        _ threads: Threads, _ lines: [InterruptLine], _ soft: [SoftIRQLine], _ critical: CPUList
    ) -> Bool {
        var taken: UInt64 = 0
        for thread in index(threads).critical {
            let lost = thread.time[.irq] &+ thread.time[.softirq]
            if launchShare.isReached(by: share(lost, of: thread)) { return true }
            taken &+= lost
        }
        if threads.threads.contains(where: {
            otherShare.isReached(by: share($0.time[.irq] &+ $0.time[.softirq], of: $0))
        }) {
            return true
        }
        if hostRate.isReached(by: milliseconds(taken)) { return true }
        let times = InterruptTimes(lines)
        return critical.cpus.contains { cpu in
            let later = soft.reduce(UInt64(0)) {
                $1.nanoseconds.indices.contains(cpu) ? $0 &+ $1.nanoseconds[cpu] : $0
            }
            return cpuShare.isReached(by: load(times, on: cpu, and: later))
        }
    }

    private func load(
        _ threads: Threads, _ lines: [InterruptLine], _ halves: BottomHalves, _ critical: CPUList
    ) -> InterruptLoad? {
        let isDevice = { (line: InterruptLine) in !line.isCall && !line.isTimer }
        let counted = InterruptTimes(halves.lines) { !$0.isCall }
        let devices = InterruptTimes(halves.lines, where: isDevice)
        let loaded = CPUList(critical.cpus.filter { cpuShare.isReached(by: load(counted, on: $0)) })
        let own = InterruptTimes(lines) { !$0.isCall }.part(of: InterruptTimes(lines))
        let losses = losses(in: threads, claims: claims(threads, own, halves.movedPart))
        let taken = losses.reduce(UInt64(0)) {
            [.launch, .nccl].contains($1.role) ? $0 &+ $1.nanoseconds : $0
        }
        // The timer tick alone counts only by the share of a CPU.
        let devicePart = devices.part(of: counted)
        let rate = milliseconds(taken) * devicePart
        let hit = losses.filter {
            $0.isLongLived
                && ($0.isLaunch ? launchShare : otherShare).isReached(by: $0.share * devicePart)
        }
        guard !loaded.isEmpty || !hit.isEmpty || hostRate.isReached(by: rate) else { return nil }
        let affected = affected(hit, in: threads) { loaded.isEmpty || loaded.contains($0) }
        let places = loaded.isEmpty ? CPUList(affected.map(\.cpu)) : loaded
        let candidates = halves.lines.indices.filter {
            loaded.isEmpty ? isDevice(halves.lines[$0]) : !halves.lines[$0].isCall
        }
        let times = candidates.map { halves.lines[$0].time(on: places) }
        guard let most = times.indices.max(by: { times[$0] < times[$1] }) else { return nil }
        return InterruptLoad(
            losses: losses, hit: affected, cpus: places,
            worstCPU: places.cpus.map { load(counted, on: $0) }.max() ?? 0, rate: rate,
            top: halves.lines[candidates[most]],
            isTickAlone: hit.isEmpty && !hostRate.isReached(by: rate)
                && !places.cpus.contains { cpuShare.isReached(by: load(devices, on: $0)) })
    }

    private func load(_ times: InterruptTimes, on cpu: Int, and more: UInt64 = 0) -> Double {
        let time = times.on(cpu) &+ more
        return whole.nanoseconds > 0 ? Double(time) / Double(whole.nanoseconds) : 0
    }

    /// `part` of each thread's interrupt time, and the soft interrupts that devices raised.
    private func claims(_ threads: Threads, _ part: Double, _ softPart: Double) -> [Claim] {
        let threads = threads.threads.span
        var claims: [Claim] = []
        for place in threads.indices {
            let tid = threads[place].tid
            let irq = scaled(threads[place].time[.irq], by: part)
            let softirq = scaled(threads[place].time[.softirq], by: softPart)
            if irq > 0 { claims.append(Claim(tid: tid, loss: .state(.irq), nanoseconds: irq)) }
            guard softirq > 0 else { continue }
            claims.append(Claim(tid: tid, loss: .state(.softirq), nanoseconds: softirq))
        }
        return claims
    }

    private func isLasting(_ load: InterruptLoad) -> Bool {
        isSustained { window throws(Unavailable) in
            let soft = try window(SoftIRQs.self).lines
            let lines = try window(Interrupts.self).lines
            let halves = BottomHalves(lines, soft, on: load.cpus)
            return halves.lines.indices.reduce(0) {
                halves.lines[$1].isCall ? $0 : $0 &+ halves.lines[$1].time(on: load.cpus)
            }
        }
    }
}
