import Fabric
import Host
import Signals
import Training

private let idlePort = Limit(
    1e6, "bytes/s", source: "judgement: a hundredth of what counts as used")

extension Rule {
    package static let gpuNICTopology = Rule(
        id: "gpu-nic-topology", cause: .placement, ceiling: .info,
        title: "A GPU's data take a far adapter while a near one rests",
        explanation: Explanation(
            what: """
                A host with several adapters has one near each GPU, on the same switch or at \
                least the same processor.
                """,
            why: """
                By a far adapter everything crosses the link between processors, which is slower \
                and shared.
                """,
            seen: """
                An adapter that moves at least 100 MB/s by RDMA and is at the other processor \
                (SYS) for a GPU of the job, while active adapters nearer to that GPU move nothing.
                """,
            fix: "Lets NCCL choose by itself, or names the adapters that it may use.",
            avoid: """
                The far adapter may carry something else, such as storage. Fabrics with rails \
                want certain pairs of GPU and adapter: ask who built it.
                """,
            verify: "NCCL_DEBUG=INFO shows each GPU with its near adapter; the near ports count.",
            sources: [
                "https://github.com/NVIDIA/nccl (src/graph/topo.cc, NCCL_IB_HCA)",
                "nvidia-smi topo -m",
            ])
    ) { observation throws(Unavailable) in
        let ports = try observation.fabricPorts().filter(\.facts.isActive)
        let used = try observation.usedPorts()
        let resting = ports.filter { !idlePort.isReached(by: observation.bytesPerSecond($0)) }
            .compactMap { observation.device(at: $0.facts.address) }
        return used.compactMap { port, adapter in
            let far = observation.jobGPUs.filter { gpu in
                guard PCIeDistance(from: gpu, to: adapter) == .system,
                    let near = gpu.nearest(of: used.map(\.adapter) + resting)
                else { return false }
                // None of the near ones is used.
                return near.distance < .system
                    && near.devices.allSatisfy { one in
                        resting.contains { $0.address == one.address }
                    }
            }
            guard let gpu = far.first, let near = gpu.nearest(of: resting)?.devices.first else {
                return nil
            }
            let name = near.names.first ?? near.address
            return Finding(
                rule: "gpu-nic-topology", cause: .placement, severity: .info,
                confidence: .associated,
                summary: """
                    \(port.facts.name) is busy at the other processor than \(gpu.label), and \
                    \(near.label) beside that GPU rests
                    """,
                culprit: port.culprit,
                evidence: [
                    usedPort.evidence(
                        "RDMA through the far adapter", observation.bytesPerSecond(port)),
                    Evidence(
                        name: "GPUs with a nearer adapter that rests", value: Double(far.count),
                        unit: "", threshold: 1, source: "nvidia-smi topo -m"),
                ],
                fix: Fix(
                    commands: ["# for the job: unset NCCL_IB_HCA, or add \(shellWord(name)) to it"],
                    persist: ["# the same in /etc/nccl.conf"],
                    rollback: ["# NCCL_IB_HCA as it was"],
                    risk:
                        "The job starts anew. Where storage uses the far adapter, nothing is wrong."
                ),
                verify: "`stoker diagnose`: the port beside the GPU counts bytes")
        }
    }
}
