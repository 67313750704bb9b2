import Fabric
import Signals
import Training

private let refusals = EventLimit(10, per: 1, source: "judgement")
private let pauses = Limit(
    5, "% of the time", source: "judgement: as for waiting for the fabric")

extension Rule {
    package static let receiverNotReady = Rule(
        id: "receiver-not-ready", cause: .fabricCongestion, ceiling: .warning,
        title: "Messages arrive and no receive buffer is there for them",
        explanation: Explanation(
            what: """
                A program that receives by RDMA gives the adapter empty buffers ahead of time. \
                When a message comes and none is left, the adapter refuses it, and the sender \
                tries again later.
                """,
            why: """
                The network is fine and the receiver is late: the threads that give buffers did \
                not run in time, because others had their CPU, interrupts took it, or they sat \
                on the wrong node. Each refusal costs the sender a wait.
                """,
            seen: """
                The adapter's own count of messages without a buffer (out_of_buffer of mlx5), ten \
                a second or more: this host. Refusals that the adapter received \
                (rnr_nak_retry_err) mean that the other side was late: that host. On Ethernet \
                also the time for which this host had the switch pause (tx_prio_pause of mlx5): \
                its adapter could not hand data on, mostly for want of PCI Express or of memory \
                of its own node.
                """,
            fix: """
                CPUs of the communication threads must be free: what takes them is reported by \
                the rules about contention, interrupts and placement. Where none of them fires, \
                the program gives too few buffers.
                """,
            avoid: "More retries (NCCL_IB_RETRY_CNT) only hide it.",
            verify: "out_of_buffer of the port stops growing.",
            sources: [
                "drivers/infiniband/hw/mlx5/counters.c (out_of_buffer, rnr_nak_retry_err)",
                "NVIDIA WinOF-2 user manual (packets dropped for want of receive buffers)",
            ])
    ) { observation throws(Unavailable) in
        try observation.fabricPorts().flatMap { port in
            [
                observation.notReadyHere(port), observation.stopsTheNetwork(port),
                observation.notReadyThere(port),
            ].compactMap { $0 }
        }
    }
}

extension Observation {
    fileprivate func notReadyHere(_ port: FabricPort) -> Finding? {
        let count = port.count(.notReadyHere)
        guard refusals.isReached(by: count, in: whole) else { return nil }
        let waiting = waitingPercent
        return Finding(
            rule: "receiver-not-ready", cause: .fabricCongestion, severity: .warning,
            confidence: .associated,
            summary: """
                \(briefFigure(whole.perSecond(count))) messages a second came to \
                \(port.facts.name) and found no buffer: this host is too slow to receive, the \
                network is not at fault
                """,
            culprit: port.culprit,
            evidence: [refusals.evidence("messages without a buffer", count, in: whole)]
                + (waiting.map {
                    [Evidence(name: "worst wait of a job's thread for a CPU", value: $0, unit: "%")]
                } ?? []),
            fix: Fix(
                commands: [
                    "# free the CPUs of the communication threads: see the findings about CPU time",
                    "rdma statistic show link \(shellWord(port.facts.device))/\(port.facts.port)",
                ],
                risk: "Whatever else runs on those CPUs has to go elsewhere."),
            verify: "out_of_buffer of \(port.facts.name) stays the same from look to look")
    }

    fileprivate func stopsTheNetwork(_ port: FabricPort) -> Finding? {
        guard whole.nanoseconds > 0 else { return nil }
        let share = Double(port.pausedMicroseconds("tx")) / 1e4 / whole.seconds
        guard pauses.isReached(by: share) else { return nil }
        let stalls = ["outbound_pci_stalled_rd_events", "outbound_pci_stalled_wr_events"]
        return Finding(
            rule: "receiver-not-ready", cause: .fabricCongestion, severity: .warning,
            confidence: .associated,
            summary: """
                \(port.facts.name) had the switch pause for \(briefFigure(min(share, 100))) % of \
                the time: this host does not take data as fast as they come
                """,
            culprit: port.culprit,
            evidence: [pauses.evidence("time for which the switch had to pause", share)]
                + stalls.filter { port.ethernet[$0] > 0 }.map {
                    Evidence(
                        name: "seconds in which PCI Express held the adapter up",
                        value: Double(port.ethernet[$0]), unit: "s", source: $0)
                },
            fix: Fix(
                commands: [
                    "# near the adapter: ranks, buffers and interrupts on its memory node",
                    "ethtool -S \(shellWord(port.facts.interface ?? "IF")) | grep -e pause -e pci",
                ],
                risk: "What moves to the adapter's node is away from where it was."),
            verify:
                "tx_prio*_pause_duration of \(port.facts.name) grows by less than 50 ms a second")
    }

    fileprivate func notReadyThere(_ port: FabricPort) -> Finding? {
        let count = port.count(.notReadyThere)
        guard refusals.isReached(by: count, in: whole) else { return nil }
        return .outside(
            "receiver-not-ready", .fabricCongestion, .warning, .associated,
            """
            hosts that \(port.facts.name) sends to refused \
            \(briefFigure(whole.perSecond(count))) messages a second: they were not ready, this \
            host is not at fault
            """, port.culprit,
            [refusals.evidence("messages that the other side refused", count, in: whole)],
            Fix(
                commands: ["# run stoker diagnose on the hosts that this one sends to"],
                risk: "None: it only looks."),
            verify: "rnr_nak_retry_err of \(port.facts.name) stays the same from look to look")
    }

    /// Of launch and communication threads, percent of their time.
    private var waitingPercent: Double? {
        guard let threads = optional(Threads.self) else { return nil }
        return criticalThreads(threads).map { 100 * share($0.time[.waiting], of: $0) }.max()
    }
}
