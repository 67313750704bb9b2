import Fabric
import Host
import Signals
import Training

private let busyLink = Limit(
    1e9, "bytes/s", source: "judgement: at rest a link may slow down to save power")

extension Rule {
    package static let pcieLinkDegraded = Rule(
        id: "pcie-link-degraded", cause: .pcieDegraded, ceiling: .warning,
        title: "A PCI Express link runs narrower or slower than both of its ends can",
        explanation: Explanation(
            what: """
                A GPU, an adapter or a drive is connected by up to 16 lanes of PCI Express. At \
                start both ends agree on how many lanes they use and how fast each of them is; \
                where the contact is bad they agree on less and say nothing.
                """,
            why: """
                Half the lanes carry half the bytes: copies between host and GPU, and RDMA \
                straight from the GPU, take up to two or four times as long. All ranks of the job \
                wait for the one behind that link.
                """,
            seen: """
                Lanes and speed of each link in /sys/bus/pci, against the less that either end \
                can do; of a GPU that is not to be seen there, what its driver tells. Fewer lanes \
                count always. A lower speed counts only while more than 1 GB/s passes, since idle \
                GPUs slow their links down; how much passes is known of RDMA adapters, of drives, \
                and of GPUs whose driver counts it.
                """,
            fix: """
                Nothing that can be typed. Reseat the card or its riser, look at the firmware's \
                settings of the slot, replace the part; keep the host out of jobs until then.
                """,
            avoid: """
                In a virtual machine the link that is shown may be the hypervisor's invention. \
                Some slots have fewer wires than their size suggests: then it is by design.
                """,
            verify: "current_link_width and max_link_width of the device read the same.",
            sources: [
                "Documentation/ABI/testing/sysfs-bus-pci (current_link_width, max_link_width)",
                "https://github.com/oracle-quickstart/oci-hpc (check_gpu_setup.py)",
            ])
    ) { observation throws(Unavailable) in
        let gpus = (try? observation.gpuReadings()) ?? []
        let pcie =
            gpus.isEmpty ? try observation.whole(PCIe.self) : observation.optional(PCIe.self)
        var seen: Set<String> = []
        let links = (pcie?.functions ?? []).compactMap { function -> Finding? in
            guard let pcie, let bad = DegradedLink(function, pcie, observation),
                // Functions of one card share its link.
                seen.insert("\(bad.upper ?? bad.address)").inserted
            else { return nil }
            return bad.finding(observation)
        }
        let others = gpus.filter {
            pcie?.function($0.pci)?.link == nil && observation.gpuFacts($0.pci)?.vendor == .nvidia
        }
        return links
            + others.compactMap { DegradedLink($0, observation)?.finding(observation) }
    }
}

/// A link that is less than both of its ends can do.
private struct DegradedLink {
    var address: String
    var upper: String?
    var link: LinkFacts
    var mostLanes: Int?
    var mostSpeed: Double?
    /// What hangs on it.
    var devices: [DeviceFacts]
    var bytesPerSecond: Double
    var isToldByDriver = false

    init?(_ function: PCIeFunction, _ pcie: PCIe, _ observation: Observation) {
        guard let link = function.link else { return nil }
        let above = function.upper.flatMap { pcie.function($0)?.link }
        // A root port, and the lower ports of a switch, have their link below.
        let isLower = function.upper != nil || observation.device(at: function.address) != nil
        guard isLower else { return nil }
        address = function.address
        upper = function.upper
        self.link = link
        mostLanes = [link.mostLanes, above?.mostLanes].compactMap { $0 }.min()
        mostSpeed = [link.mostGigatransfers, above?.mostGigatransfers].compactMap { $0 }.min()
        devices = observation.facts.devices.filter {
            $0.address == function.address || $0.bridges.contains(function.address)
        }
        bytesPerSecond = devices.reduce(0) { $0 + observation.traffic(of: $1) }
        guard isNarrow || isSlow else { return nil }
    }

    /// By what the GPU's driver tells.
    init?(_ gpu: GPUReading, _ observation: Observation) {
        guard let lanes = gpu.link.lanes, lanes > 0, let facts = observation.gpuFacts(gpu.pci),
            let speed = gpu.link.generation.flatMap(gigatransfers)
        else { return nil }
        address = gpu.pci
        link = LinkFacts(gigatransfers: speed, lanes: lanes)
        mostLanes = facts.maxLinkLanes
        mostSpeed = facts.maxLinkGeneration.flatMap(gigatransfers)
        devices = observation.facts.devices.filter { $0.address == gpu.pci }
        isToldByDriver = true
        let moved = (gpu.link.sentBytes ?? 0) &+ (gpu.link.receivedBytes ?? 0)
        bytesPerSecond = observation.whole.perSecond(moved)
        guard isNarrow || isSlow else { return nil }
    }

    var isNarrow: Bool { mostLanes.map { link.lanes < $0 } ?? false }

    private var isSlow: Bool {
        (mostSpeed.map { link.gigatransfers < $0 } ?? false)
            && busyLink.isReached(by: bytesPerSecond)
    }

    private func source(_ file: String) -> String {
        "what both ends can: \(isToldByDriver ? "NVML" : file)"
    }

    func finding(_ observation: Observation) -> Finding {
        let isVirtual = observation.facts.isVirtualMachine == true
        let own = isToldByDriver ? observation.gpuCulprit(address).name : nil
        let names = own ?? devices.map(\.label).prefix(4).joined(separator: ", ")
        let lanes = "x\(link.lanes)" + (isNarrow ? " of x\(mostLanes ?? 0)" : "")
        let speed =
            "\(briefFigure(link.gigatransfers))"
            + (isSlow ? " of \(briefFigure(mostSpeed ?? 0))" : "") + " GT/s"
        var evidence = [
            Evidence(
                name: "lanes in use", value: Double(link.lanes), unit: "",
                threshold: mostLanes.map { Double($0) },
                source: source("max_link_width"))
        ]
        if isSlow {
            evidence += [
                Evidence(
                    name: "speed of a lane", value: link.gigatransfers, unit: "GT/s",
                    threshold: mostSpeed,
                    source: source("max_link_speed")),
                busyLink.evidence("data through the link", bytesPerSecond),
            ]
        }
        let path = "/sys/bus/pci/devices/\(shellWord(address))"
        let look =
            isToldByDriver
            ? "nvidia-smi -i \(address) --format=csv --query-gpu=pcie.link.width.current,"
                + "pcie.link.width.max,pcie.link.gen.current,pcie.link.gen.max"
            : "grep . \(path)/current_link_* \(path)/max_link_*"
        return .outside(
            "pcie-link-degraded", .pcieDegraded, isVirtual ? .info : .warning,
            isVirtual ? .configuration : .measured,
            "the PCIe link of \(names.isEmpty ? address : names) runs at \(lanes) lanes, "
                + "\(speed): hardware, not this host's software",
            FindingCulprit(
                kind: .device, id: address,
                name: own ?? devices.first { $0.address == address }?.label
                    ?? "switch \(address)"),
            evidence,
            .byHand(
                "reseat the card, or have it and its riser replaced",
                looking: [look]),
            verify: isToldByDriver
                ? "`\(look)` shows as many lanes as the device and the slot have"
                : "`cat \(path)/current_link_width` reads \(mostLanes ?? link.lanes)")
    }
}

extension Observation {
    /// Bytes a second that a device is known to move; 0 where nobody counts.
    fileprivate func traffic(of device: DeviceFacts) -> Double {
        let ports = (optional(FabricPorts.self)?.ports ?? []).filter {
            $0.facts.address == device.address
        }
        let drives = (optional(Disks.self)?.disks ?? []).filter { device.names.contains($0.name) }
        let gpu = (optional(GPUs.self)?.gpus ?? []).first { $0.pci == device.address }?.link
        return ports.reduce(0) { $0 + bytesPerSecond($1) }
            + whole.perSecond(gpu?.sentBytes ?? 0) + whole.perSecond(gpu?.receivedBytes ?? 0)
            + drives.reduce(0) { sum, drive in
                sum + whole.perSecond(drive.readBytes) + whole.perSecond(drive.writeBytes)
            }
    }
}

/// Of one lane, GT/s, by the generation of PCI Express.
private func gigatransfers(_ generation: Int) -> Double? {
    let known = [1: 2.5, 2: 5, 3: 8, 4: 16, 5: 32, 6: 64]
    return known[generation]
}
