import Fabric
import Signals
import Training

/// Counters of a bad link, and how many of each are too many. Limits of rdma-core's
/// infiniband-diags (IBswcountlimits.pm) where no other is named.
private let limits: [(counter: String, limit: EventLimit)] = [
    (
        "link_error_recovery",
        EventLimit(1, per: EventLimit.hour, fewest: 1, source: "infiniband-diags")
    ),
    ("symbol_error", EventLimit(10, per: EventLimit.hour, source: "judgement")),
    ("port_rcv_errors", EventLimit(1, per: EventLimit.minute, source: "infiniband-diags")),
    (
        "local_link_integrity_errors",
        EventLimit(1, per: EventLimit.day, fewest: 1, source: "any; infiniband-diags")
    ),
    (
        "excessive_buffer_overrun_errors",
        EventLimit(1, per: EventLimit.day, fewest: 1, source: "any; infiniband-diags")
    ),
]

/// Damaged elsewhere and passed on: it says that the fault is not at this port.
private let remote = "port_rcv_remote_physical_errors"

/// Judgement; carrier losses as Azure's health checks count them: five a day.
private let losses = EventLimit(
    5, per: EventLimit.day, fewest: 1,
    source: "five a day: https://github.com/Azure/azurehpc-health-checks")
/// https://github.com/leptonai/gpud: three times down and up again is a flapping port.
private let flaps: UInt64 = 3

extension Rule {
    package static let ibLinkErrors = Rule(
        id: "ib-link-errors", cause: .fabricError, ceiling: .warning,
        title: "A port of the fabric receives damaged data",
        explanation: Explanation(
            what: """
                Ports count symbols and packets that arrive damaged, and the times that the link \
                had to train anew. Good cables have next to none.
                """,
            why: """
                What is damaged is sent again, and while a link trains nothing passes: a \
                collective of thousands of ranks waits for that one port.
                """,
            seen: """
                The port's counters at both ends of the look, against limits by the hour or \
                minute. They are small: 4, 8 or 16 bits, and stand still when full, so that a \
                full one means at least that many.
                """,
            fix: """
                Clean or replace the cable or the transceiver. Errors of the kind \
                port_rcv_remote_physical_errors were damaged on another link and only passed on: \
                look there.
                """,
            avoid: """
                Links with forward error correction repair symbols all the time, and count them \
                in other places; a count right after a link came up means little.
                """,
            verify: "perfquery -x DEVICE PORT shows no growth for a day.",
            sources: [
                "https://github.com/linux-rdma/rdma-core (infiniband-diags)",
                "Documentation/ABI/stable/sysfs-class-infiniband (counters)",
                "https://github.com/oracle-quickstart/oci-hpc (bit error rates)",
            ])
    ) { observation throws(Unavailable) in
        try observation.fabricPorts().compactMap { port in
            let window = observation.whole
            let bad = limits.filter { $0.limit.isReached(by: port.port[$0.counter], in: window) }
            guard !bad.isEmpty else { return nil }
            let words = bad.map { "\($0.counter) \(port.inWords($0.counter))" }
            let passedOn = port.port[remote]
            return .outside(
                "ib-link-errors", .fabricError, .warning, .measured,
                """
                \(port.facts.name) received damaged data (\(words.joined(separator: ", "))): \
                cable, transceiver or switch, not this host's software
                """, port.culprit,
                bad.map { $0.limit.evidence($0.counter, port.port[$0.counter], in: window) }
                    + (passedOn > 0
                        ? [
                            Evidence(
                                name: "damaged on another link", value: Double(passedOn),
                                unit: "packets", source: remote)
                        ] : []),
                .byHand(
                    "clean or replace the cable or the transceiver",
                    looking: [
                        "perfquery -x -C \(shellWord(port.facts.device)) -P \(port.facts.port)",
                        "mlxlink -d \(shellWord(port.facts.address ?? "")) -m -c -e",
                    ]),
                verify:
                    "`perfquery -x -C \(shellWord(port.facts.device)) -P \(port.facts.port)` twice, an hour apart: "
                    + "the same counts")
        }
    }

    package static let ibLinkFlap = Rule(
        id: "ib-link-flap", cause: .fabricError, ceiling: .critical,
        title: "A port of the fabric lost its link",
        explanation: Explanation(
            what: "The link between a port and its switch went down and perhaps came back.",
            why: """
                Everything on its way is lost. RDMA waits for a timeout of seconds and tries \
                again; when it gives up, the whole job ends with an error of NCCL.
                """,
            seen: """
                The port's own count of lost links, and that of the network interface, at both \
                ends of the look. One in a look of minutes is far more than the five a day at \
                which clouds take a host out of service.
                """,
            fix: "Nothing that can be typed: cable, transceiver or switch port.",
            avoid: "A link that somebody took down on purpose, or a switch that was updated.",
            verify: "link_downed of the port stays the same for a day.",
            sources: [
                "https://github.com/Azure/azurehpc-health-checks (link flaps)",
                "https://github.com/leptonai/gpud (InfiniBand ports)",
            ])
    ) { observation throws(Unavailable) in
        try observation.fabricPorts().compactMap { port in
            // Views of the same event.
            let lost = max(
                port.port["link_downed"], port.ethernet["carrier_down_count"],
                port.ethernet["link_down_events_phy"])
            guard losses.isReached(by: lost, in: observation.whole) else { return nil }
            let times = lost == 1 ? "once" : "\(lost) times"
            return .outside(
                "ib-link-flap", .fabricError, lost >= flaps ? .critical : .warning, .measured,
                """
                \(port.facts.name) lost its link \(times) in \
                \(briefFigure(observation.whole.seconds)) s, and is \
                \(port.facts.state ?? "in an unknown state") now: cable, transceiver or switch, \
                not this host's software
                """, port.culprit,
                [losses.evidence("links lost", lost, in: observation.whole)],
                .byHand(
                    "replace the cable or the transceiver, or use another switch port",
                    looking: [
                        "ibstat \(port.words)",
                        "dmesg --time-format iso | grep -i -e mlx5 -e 'link'",
                    ]),
                verify: "`ibstat \(port.words)` shows Active, and link_downed stays the same")
        }
    }
}
