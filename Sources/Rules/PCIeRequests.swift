import Fabric
import Host
import Signals
import Training

private let largestRequest = Limit(
    4096, "bytes", source: "the most that PCI Express allows; what mlnx_tune asks for")

extension Rule {
    package static let pcieReadRequest = Rule(
        id: "pcie-max-read-request", cause: .configuration, ceiling: .info,
        title: "An adapter reads memory in small pieces",
        explanation: Explanation(
            what: """
                To send, an adapter reads the data from memory over PCI Express. How much one \
                request may ask for is a setting of the device (MaxReadReq), 512 bytes after most \
                boots.
                """,
            why: """
                Each request waits for its answer. Where memory is far, small requests may not \
                keep a fast link full.
                """,
            seen: """
                The setting of adapters that move at least 100 MB/s by RDMA. Whether it holds \
                anything up was not measured: ib_write_bw from host memory tells.
                """,
            fix: "Prints what the register reads, and what it would be with 4,096 bytes.",
            avoid: """
                A wrong value can hang the device, and drivers set it again at a reset. Leave it \
                where ib_write_bw reaches the line rate.
                """,
            verify: "lspci -vv shows MaxReadReq 4096 bytes, and ib_write_bw is faster.",
            sources: [
                "https://github.com/Mellanox/mlnx-tools (mlnx_tune)",
                "drivers/pci/pci.c: pcie_set_readrq",
            ])
    ) { observation throws(Unavailable) in
        try observation.requests { function in
            guard let bytes = function.readRequestBytes,
                !largestRequest.isReached(by: Double(bytes))
            else { return nil }
            return bytes
        }.map { port, adapter, bytes in
            let words = shellWord(adapter.address)
            let function = observation.facts.pcie.functions[adapter.address]
            let register = (
                now: hexadecimalWord(function?.deviceControl ?? 0),
                largest: hexadecimalWord(function?.largestRequestControl ?? 0)
            )
            return .advice(
                "pcie-max-read-request",
                "\(port.facts.name) reads memory in requests of at most \(bytes) bytes",
                port.culprit,
                [
                    largestRequest.evidence("largest read request", Double(bytes)),
                    usedPort.evidence("RDMA through the port", observation.bytesPerSecond(port)),
                ],
                Fix(
                    commands: [
                        "setpci -s \(words) CAP_EXP+8.w",
                        "# by hand, if that still reads \(register.now): "
                            + "setpci -s \(words) CAP_EXP+8.w=\(register.largest)",
                    ],
                    persist: ["# a unit of systemd or a udev rule with the same command"],
                    rollback: ["# setpci -s \(words) CAP_EXP+8.w=\(register.now)"],
                    risk: "A wrong word hangs the device. Measure with ib_write_bw first."),
                verify: "`lspci -vv -s \(words)`: MaxReadReq 4096 bytes")
        }
    }

    package static let pcieRelaxedOrdering = Rule(
        id: "pcie-relaxed-ordering", cause: .configuration, ceiling: .info,
        title: "An adapter's writes wait for one another",
        explanation: Explanation(
            what: """
                PCI Express keeps writes of a device in order unless the device may relax it. \
                Then a write need not wait for one before it that goes elsewhere.
                """,
            why: """
                On AMD processors, on Arm servers and in virtual machines the order was seen to \
                cost most of the throughput; on others nothing.
                """,
            seen: """
                Relaxed ordering switched off (RlxdOrd-) on an adapter that moves at least \
                100 MB/s by RDMA. What it costs was not measured.
                """,
            fix: "A firmware setting; for NCCL its own switch as well.",
            avoid: """
                Programs that rely on the order in which RDMA writes arrive. NCCL does not, and \
                asks for it by itself where it can (its value 2).
                """,
            verify: "lspci -vv shows RlxdOrd+, and all_reduce_perf is faster.",
            sources: [
                "https://github.com/NVIDIA/nccl (NCCL_IB_PCI_RELAXED_ORDERING)",
                "Linux 17347d5430c4 (mlx5e: support for PCI relaxed ordering)",
            ])
    ) { observation throws(Unavailable) in
        try observation.requests { $0.hasRelaxedOrdering == false ? 0 : nil }.map {
            port, adapter, _ in
            let words = shellWord(adapter.address)
            return .advice(
                "pcie-relaxed-ordering", "\(port.facts.name) keeps all its writes in order",
                port.culprit,
                [
                    Evidence(
                        name: "relaxed ordering", value: 0, unit: "", threshold: 1,
                        source: "DevCtl of the device"),
                    usedPort.evidence("RDMA through the port", observation.bytesPerSecond(port)),
                ],
                Fix(
                    commands: [
                        "lspci -vv -s \(words)", "# for the job: NCCL_IB_PCI_RELAXED_ORDERING=1",
                    ],
                    persist: ["# PCI_WR_ORDERING of the firmware: mlxconfig -d \(words) query"],
                    rollback: ["# unset NCCL_IB_PCI_RELAXED_ORDERING"],
                    risk: "What relies on the order of RDMA writes breaks."),
                verify: "`lspci -vv -s \(words)`: RlxdOrd+")
        }
    }
}

extension Observation {
    /// Used ports for whose adapter `value` is not nil.
    fileprivate func requests(
        _ value: (PCIeFunctionSettings) -> Int?
    ) throws(Unavailable) -> [(FabricPort, DeviceFacts, Int)] {
        let used = try usedPorts()
        let known = used.compactMap { port, adapter in
            facts.pcie.functions[adapter.address].map { (port, adapter, $0) }
        }
        guard used.isEmpty || known.contains(where: { $0.2.readRequestBytes != nil }) else {
            throw Unavailable("the configuration space of adapters can be read by root only")
        }
        return known.compactMap { port, adapter, function in
            value(function).map { (port, adapter, $0) }
        }
    }
}
