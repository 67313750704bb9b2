import Fabric
import Signals
import Training

extension Rule {
    package static let ibCongestion = Rule(
        id: "ib-congestion", cause: .fabricCongestion, ceiling: .warning,
        title: "A port has data to send and the fabric does not take them",
        explanation: Explanation(
            what: """
                A port may only send when the switch has room for it. port_xmit_wait counts the \
                time in which data were ready and could not leave.
                """,
            why: """
                Somewhere downstream too much meets: several senders to one receiver, or a link \
                that runs below its rate. Every rank that sends through there is slowed down.
                """,
            seen: """
                The ticks of port_xmit_wait, taken as the time of 64 bytes each, against all bytes \
                that the link could have carried. The counter has 32 bits and is full after five \
                seconds of standstill at 400 Gb/s: then it is at least that much. The same for \
                Ethernet: the time for which the switch told this port to pause.
                """,
            fix: """
                In the fabric: adaptive routing, another placement of the job, in-network \
                reduction (SHARP), more queue pairs for each connection.
                """,
            avoid: """
                Some waiting belongs to exchanges of all with all. Nothing on this host causes \
                it, and no setting of the kernel makes it better.
                """,
            verify: "port_xmit_wait grows more slowly at the same data rate.",
            sources: [
                "InfiniBand architecture (PortXmitWait)",
                "https://github.com/NVIDIA/nccl (NCCL_IB_QPS_PER_CONNECTION, NCCL_IB_AR_THRESHOLD)",
                "NVIDIA ibdiagnet user manual (congestion)",
            ])
    ) { observation throws(Unavailable) in
        try observation.fabricPorts().compactMap { port in
            guard let wait = SendWait(port, observation.whole), wait.isMuch
            else { return nil }
            let share = (wait.isAtLeast ? "at least " : "") + briefFigure(wait.percent)
            return .outside(
                "ib-congestion", .fabricCongestion, .warning, .associated,
                """
                \(port.facts.name) had data to send and could not for about \(share) % of the \
                time: the fabric is congested, not this host
                """, port.culprit,
                [
                    SendWait.much.evidence("data waited for the fabric (estimate)", wait.percent),
                    Evidence(
                        name: "data sent", value: observation.whole.perSecond(port.sentBytes ?? 0),
                        unit: "bytes/s"),
                ],
                Fix(
                    commands: [
                        "# in the fabric, not here: adaptive routing, placement of the job, SHARP"
                    ],
                    persist: ["# for the job, to be measured: NCCL_IB_QPS_PER_CONNECTION=4"],
                    rollback: ["# unset NCCL_IB_QPS_PER_CONNECTION"],
                    risk: "More queue pairs need more memory of the adapter; measure before use."),
                verify: "`perfquery -x -C \(shellWord(port.facts.device)) -P \(port.facts.port)`: "
                    + "PortXmitWait grows by less than 5 % of the ticks that pass")
        }
    }
}
