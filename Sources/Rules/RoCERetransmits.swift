import Fabric
import Signals
import Training

private let lateLimit = EventLimit(
    1, per: EventLimit.minute,
    source: "judgement: an acknowledgement is never late by itself")
private let gapLimit = EventLimit(100, per: 1, source: "judgement")

extension Rule {
    package static let roceRetransmits = Rule(
        id: "roce-retransmits", cause: .fabricCongestion, ceiling: .warning,
        title: "Packets of RDMA are lost and sent again",
        explanation: Explanation(
            what: """
                RDMA counts its packets. The receiver answers a gap in the numbers with a \
                refusal, and the sender starts again from the lost packet; when no \
                acknowledgement comes at all, it waits for a timeout first.
                """,
            why: """
                Adapters are made for networks that lose nothing: one lost packet costs a whole \
                window of data, one timeout some seconds. The collective waits.
                """,
            seen: """
                The adapter's counters, by whatever name its driver gives them: one late \
                acknowledgement in a minute, or a hundred gaps a second. Where the other side \
                stalls its acknowledgements are late as well, so the counts of that host matter.
                """,
            fix: """
                Find where packets are dropped: flow control and congestion control of the \
                switches, cables, the MTU along the way. NCCL_IB_TIMEOUT and NCCL_IB_RETRY_CNT \
                only let a job live longer with it.
                """,
            avoid: """
                With adaptive routing packets overtake each other on purpose, and gaps without \
                timeouts are normal.
                """,
            verify: "local_ack_timeout_err and packet_seq_err of the port stop growing.",
            sources: [
                "drivers/infiniband/hw/mlx5/counters.c",
                "https://github.com/NVIDIA/nccl (src/transport/net_ib: timeout 20, retries 7)",
            ])
    ) { observation throws(Unavailable) in
        try observation.fabricPorts().compactMap { port in
            let loss = PacketLoss(port, observation.whole)
            guard loss.isSeen else { return nil }
            return .outside(
                "roce-retransmits", .fabricCongestion, .warning, .associated,
                """
                \(port.facts.name) lost packets: \(loss.late) acknowledgements came too late, \
                \(loss.gaps) gaps in the numbers; the network or the other side, not this host
                """, port.culprit, loss.evidence(observation.whole),
                Fix(
                    commands: [
                        "# in the network: lossless queue, cables, MTU of the whole way",
                        "rdma statistic show link \(shellWord(port.facts.device))/\(port.facts.port)",
                    ],
                    persist: ["# relief for the job, no cure: NCCL_IB_TIMEOUT=22"],
                    rollback: ["# unset NCCL_IB_TIMEOUT"],
                    risk: "A longer timeout makes a job that has really ended hang for longer."),
                verify: "`rdma statistic show link \(shellWord(port.facts.device))/"
                    + "\(port.facts.port)` twice: local_ack_timeout_err the same")
        }
    }
}

/// Packets of one port that did not arrive as they were sent.
struct PacketLoss {
    var late: UInt64
    var gaps: UInt64
    var isSeen: Bool

    init(_ port: FabricPort, _ window: Window) {
        late = port.count(.acknowledgementTimeout)
        gaps = port.count(.outOfSequence)
        isSeen =
            lateLimit.isReached(by: late, in: window) || gapLimit.isReached(by: gaps, in: window)
    }

    func evidence(_ window: Window) -> [Evidence] {
        [
            lateLimit.evidence("acknowledgements that came too late", late, in: window),
            gapLimit.evidence("gaps in the packet numbers", gaps, in: window),
        ]
    }
}
