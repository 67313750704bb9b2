import Fabric
import Signals
import Training

/// A stream of sockets between hosts, each way: data that are loaded come one way only, and
/// checkpoints go the other.
private let socketStream = Limit(
    1e8, "bytes/s each way", source: "judgement: more than control messages, less than one ring")
private let idlePorts = Limit(
    1, "% of the sockets' bytes", source: "judgement: RDMA that carries a job carries most of it")

extension Rule {
    package static let socketFallback = Rule(
        id: "ipoib-or-eth-fallback", cause: .configuration, ceiling: .warning,
        title: "The job's traffic goes through sockets while InfiniBand stands idle",
        explanation: Explanation(
            what: """
                NCCL sends between hosts by RDMA where it finds a port that it may use, and else \
                through TCP sockets, on Ethernet or on IP over InfiniBand.
                """,
            why: """
                Sockets are an order of magnitude slower, and each byte costs time of a CPU: the \
                kernel copies it, twice.
                """,
            seen: """
                A job on GPUs, an active InfiniBand port, an interface that carries 100 MB/s and \
                more each way, and InfiniBand ports that together carry less than a hundredth of \
                it. Whose bytes an interface carries is not seen. Data that are only received, or \
                only sent, are not told, nor are ports of RDMA over Ethernet: an adapter that has \
                them may be there for TCP alone.
                """,
            fix: """
                Look at what NCCL says when it starts; what keeps it from RDMA is most often a \
                variable, missing rights on /dev/infiniband, or a limit on locked memory.
                """,
            avoid: "A job whose traffic is that of storage or of another program on this host.",
            verify: "port_xmit_data grows with the job; NCCL_DEBUG=INFO shows NET/IB.",
            sources: [
                "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html",
                "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",
            ])
    ) { observation throws(Unavailable) in
        let ports = try observation.fabricPorts()
            .filter { $0.facts.isActive && $0.facts.layer == .infiniBand }
        let counts = ports.compactMap { port in
            port.sentBytes.flatMap { sent in port.receivedBytes.map { sent &+ $0 } }
        }
        // A port that does not tell what it carried may have carried everything.
        guard !observation.jobGPUs.isEmpty, !ports.isEmpty, counts.count == ports.count,
            let busiest = try observation.socketStreams().first
        else { return [] }
        let window = observation.whole
        let sockets = window.perSecond(busiest.receivedBytes &+ busiest.sentBytes)
        let share = 100 * window.perSecond(counts.reduce(0, &+)) / sockets
        guard share < idlePorts.value else { return [] }
        return [finding(busiest, ports, share, window)]
    }

    private static func finding(
        _ interface: NetworkInterface, _ ports: [FabricPort], _ share: Double, _ window: Window
    ) -> Finding {
        let received = window.perSecond(interface.receivedBytes)
        let sent = window.perSecond(interface.sentBytes)
        // Counters may hold anything: more than a link of 8 Tbit/s carries is not told.
        let slowest = Int(min(received, sent, 1e12) / 1e6)
        let idle =
            ports.count == 1
            ? "\(ports[0].facts.name), which is active, carries next to nothing"
            : "\(ports.count) active InfiniBand ports carry next to nothing"
        return Finding(
            rule: "ipoib-or-eth-fallback", cause: .configuration, severity: .warning,
            confidence: .measured,
            summary: "\(interface.name) carries \(slowest) MB/s and more each way,"
                + " and \(idle)",
            culprit: FindingCulprit(
                kind: .device, id: interface.name, name: "sockets over \(interface.name)"),
            evidence: [
                socketStream.evidence("received over \(interface.name)", received),
                socketStream.evidence("sent over \(interface.name)", sent),
                idlePorts.evidence("carried by InfiniBand", share),
            ],
            fix: Fix(
                commands: [
                    "# what the job was told: NCCL_IB_DISABLE, NCCL_NET, NCCL_SOCKET_IFNAME",
                    "tr '\\0' '\\n' < /proc/PID/environ | grep NCCL_",
                    "ls -l /dev/infiniband", "ulimit -l",
                    "# start the job with NCCL_DEBUG=INFO, and read why NET/IB is not used",
                ],
                risk: "None: these only look. The job must start anew with what is changed."),
            verify: "`cat /sys/class/infiniband/*/ports/*/counters/port_xmit_data` grows")
    }
}

extension Observation {
    /// Interfaces that carry much both ways, the busiest first.
    fileprivate func socketStreams() throws(Unavailable) -> [NetworkInterface] {
        try whole(FabricPorts.self).interfaces
            .filter {
                socketStream.isReached(by: whole.perSecond(min($0.receivedBytes, $0.sentBytes)))
            }
            .sorted {
                ($1.receivedBytes &+ $1.sentBytes, $0.name)
                    < ($0.receivedBytes &+ $0.sentBytes, $1.name)
            }
    }
}
