import Fabric
import Signals
import Training

/// 4096 bytes of data and the headers of RoCE v2; the kernel's iboe_get_mtu asks for 4,192.
private let leastMTU = Limit(
    4_200, "bytes", source: "judgement: what RDMA packets of 4,096 bytes need")

extension Rule {
    package static let rocePFCECNMisconfig = Rule(
        id: "roce-pfc-ecn-misconfig", cause: .configuration, ceiling: .info,
        title: "RDMA over Ethernet loses packets, and nothing marks its traffic as lossless",
        explanation: Explanation(
            what: """
                RDMA over Ethernet wants a queue that loses nothing. Packets get into it by a mark \
                (the traffic class); switches stop the sender before the queue runs over (PFC) or \
                tell it to slow down (ECN and notices of congestion, CNP).
                """,
            why: """
                Without a mark the packets are in the common queue and are dropped when it is \
                full. RDMA takes every loss hard.
                """,
            seen: """
                Lost packets on a RoCE port, together with a traffic class of 0 where the driver \
                shows one, or with no notice of congestion at all on an adapter that counts them. \
                How the switches are set, and which queues PFC protects, cannot be read here.
                """,
            fix: """
                The same settings on adapters and switches. The commands are those of the usual \
                convention, priority 3 and traffic class 106; your network may use others.
                """,
            avoid: """
                Some networks lose packets by design and repair it in the adapter (selective \
                repeat, as on Oracle's cloud): leave it there. PFC on one side alone can stop a \
                whole network.
                """,
            verify: "the port loses no packets, and counts notices of congestion under load.",
            sources: [
                "https://github.com/Mellanox/mlnx-tools (mlnx_qos, cma_roce_tos)",
                "NVIDIA MLNX_OFED documentation (quality of service)",
            ])
    ) { observation throws(Unavailable) in
        try observation.rocePorts().compactMap { port in
            let loss = PacketLoss(port, observation.whole)
            let isUnmarked = port.facts.trafficClass == 0
            let notices = [FabricEvent.congestionNoticeSent, .congestionNoticeReceived]
                .compactMap { $0.count(in: port) }
            let isSilent = !notices.isEmpty && notices.allSatisfy { $0 == 0 }
            guard loss.isSeen, isUnmarked || isSilent else { return nil }
            let signs = [
                isUnmarked ? "its traffic class is 0" : "",
                isSilent ? "no notice of congestion came or went" : "",
            ].filter { !$0.isEmpty }
            return Finding(
                rule: "roce-pfc-ecn-misconfig", cause: .configuration, severity: .info,
                confidence: .associated,
                summary: "\(port.facts.name) loses packets, and "
                    + signs.joined(separator: " and "),
                culprit: port.culprit, evidence: loss.evidence(observation.whole),
                fix: qualityOfService(port.facts),
                verify: "`rdma statistic show link \(shellWord(port.facts.device))/"
                    + "\(port.facts.port)`: no more losses")
        }
    }

    private static func qualityOfService(_ port: FabricPortFacts) -> Fix {
        let device = shellWord(port.device)
        let interface = shellWord(port.interface ?? "IF")
        let file = "/sys/class/infiniband/\(device)/tc/\(port.port)/traffic_class"
        return Fix(
            commands: [
                "mlnx_qos -i \(interface)",
                "# only if the switches are set the same way:",
                "mlnx_qos -i \(interface) --trust dscp --pfc 0,0,0,1,0,0,0,0",
                "cma_roce_tos -d \(device) -t 106", "echo 106 > \(file)",
            ],
            persist: ["# a unit of systemd with these commands, and NCCL_IB_TC=106 for the job"],
            rollback: [
                "# mlnx_qos -i \(interface) with what it showed before",
                "cma_roce_tos -d \(device) -t 0",
                "echo \(port.trafficClass ?? 0) > \(file)",
            ],
            risk: """
                Where the switches do not match, pauses spread through the network and stop others. \
                Ask who runs it first.
                """)
    }

    package static let roceMTU = Rule(
        id: "roce-mtu", cause: .configuration, ceiling: .info,
        title: "RDMA over Ethernet uses small packets",
        explanation: Explanation(
            what: """
                An RDMA packet carries up to 4,096 bytes. On Ethernet it has to fit into the MTU \
                of the interface, and the next smaller power of two is taken: 1,024 bytes at the \
                usual MTU of 1,500.
                """,
            why: """
                Four times as many packets for the same data: more headers, more work for adapters \
                and switches.
                """,
            seen: """
                The MTU of the interface, on ports that move at least 100 MB/s by RDMA. Whether \
                the way to the other hosts allows more cannot be seen from here.
                """,
            fix: "An MTU of 9,000 on all hosts and switches of the way.",
            avoid: """
                One side alone loses packets without a word. Clouds allow less than 9,000 \
                (8,244 to 8,896 on Google's).
                """,
            verify: "ibv_devinfo shows active_mtu 4096.",
            sources: [
                "https://github.com/GoogleCloudPlatform/cluster-toolkit (network MTU)",
                "drivers/infiniband/core: iboe_get_mtu",
            ])
    ) { observation throws(Unavailable) in
        try observation.rocePorts().compactMap { port in
            guard let mtu = port.facts.mtu, !leastMTU.isReached(by: Double(mtu)),
                let interface = port.facts.interface, port.facts.isActive,
                usedPort.isReached(by: observation.bytesPerSecond(port))
            else { return nil }
            return Finding(
                rule: "roce-mtu", cause: .configuration, severity: .info,
                confidence: .configuration,
                summary: "\(port.facts.name) moves data by RDMA in small packets: the MTU of "
                    + "\(interface) is \(mtu)",
                culprit: FindingCulprit(kind: .setting, id: "mtu", name: interface),
                evidence: [
                    leastMTU.evidence("MTU of \(interface)", Double(mtu)),
                    usedPort.evidence("data by RDMA", observation.bytesPerSecond(port)),
                ],
                fix: Fix(
                    commands: ["ip link set \(shellWord(interface)) mtu 9000"],
                    persist: ["# MTU 9000 in the file of netplan, networkd or NetworkManager"],
                    rollback: ["ip link set \(shellWord(interface)) mtu \(mtu)"],
                    risk: """
                        Running RDMA connections keep their packet size. Where a switch or the \
                        other side takes less, packets vanish: all of them first.
                        """),
                verify: "`ibv_devinfo -d \(shellWord(port.facts.device))` shows active_mtu 4096")
        }
    }
}
