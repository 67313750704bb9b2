import Host
import Signals
import Training

private let busyDevice = Limit(
    1_000, "interrupts/s", source: "judgement: a device that is really used")

extension Rule {
    package static let numaNodeUnknown = Rule(
        id: "numa-node-unknown", cause: .placement, ceiling: .info,
        title: "The firmware does not say to which memory node a device belongs",
        explanation: Explanation(
            what: """
                Each PCI device hangs on one processor. The firmware tells the kernel which; here \
                it does not, and numa_node reads -1.
                """,
            why: """
                Nobody can then place ranks, interrupts and buffers near the device: NCCL builds \
                its rings blind, and launchers bind to the wrong node or not at all.
                """,
            seen:
                "numa_node of GPUs and network adapters for training, on a host of several nodes.",
            fix: """
                Firmware settings (ACPI proximity, NUMA per socket), or the topology file of the \
                cloud for NCCL.
                """,
            avoid: """
                Do not write numa_node by hand: it marks the kernel as tainted and may be wrong. \
                Stoker gives no advice about binding to such a device.
                """,
            verify: "/sys/bus/pci/devices/ADDRESS/numa_node reads 0 or more.",
            sources: [
                "Documentation/ABI/testing/sysfs-bus-pci (numa_node)",
                "https://github.com/Azure/azhpc-images (topology files for NCCL)",
            ]),
        check: { observation throws(Unavailable) in
            let facts = observation.facts
            let unknown = facts.devices.filter {
                ($0.kind == .gpu || $0.kind == .fabric) && $0.node == nil
            }
            guard facts.topology.hasNodes, let first = unknown.first else { return [] }
            let list = unknown.prefix(8).map(\.label).joined(separator: ", ")
            let more = unknown.count > 8 ? " and \(unknown.count - 8) more" : ""
            return [
                Finding(
                    rule: "numa-node-unknown", cause: .placement, severity: .info,
                    confidence: .configuration,
                    summary: "the memory node of \(list)\(more) is not known",
                    culprit: FindingCulprit(kind: .device, id: first.address, name: first.label),
                    evidence: [
                        Evidence(
                            name: "GPUs and adapters without a node", value: Double(unknown.count),
                            unit: "devices", threshold: 1, source: "numa_node is -1")
                    ],
                    fix: Fix(
                        commands: ["# nothing to type: the firmware must tell the node"],
                        persist: ["# for NCCL: NCCL_TOPO_FILE=FILE with the vendor's topology"],
                        risk: "A topology file that does not fit the host makes NCCL slower."),
                    verify: "`cat /sys/bus/pci/devices/\(shellWord(first.address))/numa_node`")
            ]
        })

    package static let deviceFarFromJob = Rule(
        id: "device-far-from-job", cause: .placement, ceiling: .info,
        title: "A busy drive or adapter belongs to a node where no rank runs",
        explanation: Explanation(
            what: """
                Each PCI device hangs on one processor. Its data reach memory of that node \
                directly, and memory of others over the link between the processors.
                """,
            why: """
                Data for ranks on the other node cross that link, which they share with \
                everything else. Reading ahead hides it for the most part.
                """,
            seen: """
                A device with at least 1,000 interrupts a second, on a node where no rank spent \
                20 % of its CPU time. Who uses the device is not known, nor what the distance \
                costs.
                """,
            fix: "Starts what uses the device (loaders, checkpoints) on the device's node.",
            avoid: "Not at the price of ranks that run far from their GPU: that weighs more.",
            verify: "stoker diagnose after a restart.",
            sources: [
                "Documentation/ABI/testing/sysfs-bus-pci (numa_node, local_cpulist)", "numactl(8)",
            ]),
        check: { observation throws(Unavailable) in
            guard let threads = try observation.placedThreads() else { return [] }
            let lines = DeviceLines(try observation.whole(Interrupts.self).lines)
            let home = Set(observation.placedRanks(threads).flatMap(\.home))
            guard !home.isEmpty else { return [] }
            return observation.facts.devices.compactMap { device in
                guard device.kind != .gpu, let node = device.node, !home.contains(node),
                    !observation.facts.topology.cpus(of: node).isEmpty
                else { return nil }
                let rate = observation.whole.perSecond(
                    lines.of(device).reduce(0) { $0 &+ $1.counts.total })
                guard busyDevice.isReached(by: rate) else { return nil }
                return observation.far(device, node, rate, home.sorted())
            }
        })
}

extension Observation {
    fileprivate func far(
        _ device: DeviceFacts, _ node: Int, _ rate: Double, _ home: [Int]
    ) -> Finding {
        let command = "numactl --cpunodebind=\(node) --preferred=\(node) COMMAND"
        return Finding(
            rule: "device-far-from-job", cause: .placement, severity: .info,
            confidence: .configuration,
            summary: """
                \(device.label) is on node \(node), and all ranks run on \
                \(PlacementText.nodes(home))
                """,
            culprit: FindingCulprit(kind: .device, id: device.address, name: device.label),
            evidence: [busyDevice.evidence("interrupts of the device", rate)],
            fix: Fix(
                commands: ["# start what uses the device anew: \(command)"], persist: [command],
                risk: "What runs there is away from the ranks and their memory instead."),
            verify: "stoker diagnose after a restart")
    }
}

extension DeviceFacts {
    /// `eth0 (0000:1b:00.0)`
    var label: String { names.first.map { "\($0) (\(address))" } ?? address }
}

/// Interrupt lines by device: a large host has a thousand lines and dozens of devices.
struct DeviceLines {
    private let lines: [InterruptLine]
    private let places: [Int: [Int]]

    init(_ lines: [InterruptLine]) {
        self.lines = lines
        places = Dictionary(grouping: lines.indices.filter { lines[$0].irq != nil }) {
            lines[$0].irq ?? -1
        }
    }

    /// The lines of the device's own interrupts.
    func of(_ device: DeviceFacts) -> [InterruptLine] {
        Set(device.interrupts).flatMap { places[$0] ?? [] }.sorted().map { lines[$0] }
    }
}
