import Host
import Signals
import Training

private let throttledPeriods = Limit(
    0.05, "share of periods", source: "judgement; Documentation/scheduler/sched-bwc.rst")
private let throttledTime = Limit(
    0.01, "share of wall", source: "judgement; Documentation/scheduler/sched-bwc.rst")
/// One or two throttled periods in a window are an accident.
private let fewestPeriods: UInt64 = 3

extension Rule {
    package static let cpuMaxThrottling = Rule(
        id: "cpu-max-throttling", cause: .cpuThrottling, ceiling: .critical,
        title: "A CPU quota stops training threads in the middle of their work",
        explanation: Explanation(
            what: """
                A control group may have a CPU quota: so many milliseconds of CPU time in each \
                period, usually 100 ms, summed over all its threads. When the quota is used up, \
                the kernel stops every thread of the group until the next period, even if CPUs \
                are idle.
                """,
            why: """
                A job with many threads uses its quota up early: 16 threads with a quota of 4 \
                CPUs can be done after 25 ms and then stand still for 75 ms. The launch thread is \
                stopped with the rest, and the GPU runs dry for tens of milliseconds at a time.
                """,
            seen: """
                Each group counts its periods and in how many of them it was stopped (cpu.stat). \
                Stoker reads that for the job's groups and all groups above them, because the \
                quota of a parent stops its children too, and lays it against the ledger of the \
                threads in that group.
                """,
            fix: """
                Removes the quota of the very group that was stopped. Shares (cpu.weight) keep \
                the host fair without ever stopping anybody while CPUs are idle.
                """,
            avoid: """
                On a host that several tenants share, the quota may be what they were sold. \
                There, raise it to what the job needs, or allow it to burst. In Kubernetes \
                change the pod: the kubelet writes the quota back.
                """,
            verify: "nr_throttled in cpu.stat stands still.",
            sources: [
                "Documentation/scheduler/sched-bwc.rst", "Documentation/admin-guide/cgroup-v2.rst",
                "https://github.com/kubernetes/kubernetes/issues/67577",
            ]),
        check: { observation throws(Unavailable) in try observation.quotaThrottling() })
}

/// A group whose quota was used up, and what it cost.
private struct Throttling {
    var group: CgroupActivity
    var bandwidth: Bandwidth
    var quota: UInt64
    var losses: [ThreadLoss]

    var periodShare: Double { Double(bandwidth.throttledPeriods) / Double(bandwidth.periods) }

    /// Stopped for longer; paths make the order certain.
    func comesBefore(_ other: Throttling) -> Bool {
        (other.bandwidth.throttled, group.path) < (bandwidth.throttled, other.group.path)
    }
}

extension Observation {
    fileprivate func quotaThrottling() throws(Unavailable) -> [Finding] {
        let threads = try threads()
        let found = try whole(Cgroups.self).groups.compactMap { throttling($0, threads) }
            .sorted { $0.comesBefore($1) }
        var chosen: [Throttling] = []
        for one in found where !chosen.contains(where: { areOnOneChain($0, one) }) {
            chosen.append(one)
        }
        return chosen.map { finding($0, threads) }
    }

    private func throttling(_ group: CgroupActivity, _ threads: Threads) -> Throttling? {
        guard let bandwidth = group.bandwidth, let quota = bandwidth.quotaMicroseconds,
            bandwidth.throttledPeriods >= fewestPeriods, bandwidth.periods > 0,
            throttledPeriods.isReached(
                by: Double(bandwidth.throttledPeriods) / Double(bandwidth.periods))
                || throttledTime.isReached(by: stopped(bandwidth))
        else { return nil }
        let claims = quotaClaims(group, bandwidth, threads).flatMap(\.value)
        let losses = losses(in: threads, claims: claims)
        guard !losses.isEmpty else { return nil }
        return Throttling(group: group, bandwidth: bandwidth, quota: quota, losses: losses)
    }

    private func stopped(_ bandwidth: Bandwidth) -> Double {
        whole.nanoseconds > 0 ? Double(bandwidth.throttled) / Double(whole.nanoseconds) : 0
    }

    private func areOnOneChain(_ one: Throttling, _ other: Throttling) -> Bool {
        !Set(one.group.pids).isDisjoint(with: other.group.pids)
    }

    /// The ledger's throttled time; where it has none, waiting up to what the group was stopped.
    private func quotaClaims(
        _ group: CgroupActivity, _ bandwidth: Bandwidth, _ threads: Threads
    ) -> [Int32: [Claim]] {
        let inside = threads.threads.filter { group.pids.contains($0.pid) }
        var claims: [Int32: [Claim]] = [:]
        for thread in inside where thread.time[.throttled] > 0 {
            claims[thread.tid] = [
                Claim(
                    tid: thread.tid, loss: .state(.throttled),
                    nanoseconds: thread.time[.throttled])
            ]
        }
        guard claims.isEmpty else { return claims }
        var rest = bandwidth.throttled
        for loss in waitingLosses(inside, threads) where rest > 0 {
            let granted = min(rest, loss.nanoseconds)
            claims[loss.tid, default: []].append(
                Claim(tid: loss.tid, loss: loss.loss, nanoseconds: granted))
            rest -= granted
        }
        return claims
    }

    /// All waiting of `inside`: first what has no other culprit, because nobody runs on the CPUs
    /// of a group that is stopped.
    private func waitingLosses(_ inside: [ThreadActivity], _ threads: Threads) -> [Claim] {
        let tids = Set(inside.map(\.tid))
        guard !threads.waits.isEmpty else {
            return inside.map {
                Claim(tid: $0.tid, loss: .state(.waiting), nanoseconds: $0.time[.waiting])
            }
        }
        let waits = threads.waits.filter { tids.contains($0.tid) && $0.culprit.kind != .yield }
        let isNobody = { (wait: Wait) in [.idle, .unknown].contains(wait.culprit.kind) }
        return (waits.filter(isNobody) + waits.filter { !isNobody($0) }).map {
            Claim(tid: $0.tid, loss: .waiting($0.culprit), nanoseconds: $0.nanoseconds)
        }
    }

    private func finding(_ one: Throttling, _ threads: Threads) -> Finding {
        let period = one.bandwidth.periodMicroseconds
        let cpus = period > 0 ? Double(one.quota) / Double(period) : 0
        let hit = one.losses.filter { $0.share >= throttledTime.value }
        let named = hit.isEmpty ? Array(one.losses.prefix(1)) : hit
        return Finding(
            rule: "cpu-max-throttling", cause: .cpuThrottling, severity: severity(one.losses),
            confidence: .measured,
            summary: """
                the CPU quota of \(one.group.path) (\(SchedulingText.cpus(cpus)) CPUs) was \
                used up in \(SchedulingText.percent(one.periodShare)) of its periods; \
                \(SchedulingText.thread(named[0])) stood still for \
                \(SchedulingText.percent(named[0].share)) of its time
                """,
            culprit: FindingCulprit(kind: .cgroup, id: one.group.path, name: one.group.path),
            affected: named.map { affected($0.thread) },
            evidence: [
                throttledPeriods.evidence("periods in which the quota ran out", one.periodShare),
                throttledTime.evidence(
                    "time stopped, summed over CPUs", stopped(one.bandwidth)),
                Evidence(name: "quota", value: cpus, unit: "CPUs"),
                Evidence(name: "needed", value: needed(one, threads), unit: "CPUs"),
            ],
            fix: one.group.quotaFix(
                one.bandwidth, quota: one.quota, neededCPUs: needed(one, threads),
                hasSystemd: facts.managers.hasSystemd),
            verify: "nr_throttled in \(one.group.folder)/cpu.stat stands still",
            claims: one.losses.flatMap(\.claims))
    }

    /// CPUs that the group's threads used and would have used.
    private func needed(_ one: Throttling, _ threads: Threads) -> Double {
        let inside = threads.threads.filter { one.group.pids.contains($0.pid) }
        let used = inside.reduce(UInt64(0)) {
            $0 &+ $1.time[.running] &+ $1.time[.irq] &+ $1.time[.softirq]
        }
        let lost = one.losses.reduce(UInt64(0)) { $0 &+ $1.nanoseconds }
        return whole.perSecond(used &+ lost) / 1e9
    }
}
