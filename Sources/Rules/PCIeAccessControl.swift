import Fabric
import Host
import Signals
import Training

extension Rule {
    package static let pcieAccessControl = Rule(
        id: "pcie-acs-redirect", cause: .configuration, ceiling: .info,
        title: "What one device sends another goes by way of the processor",
        explanation: Explanation(
            what: """
                GPUs and adapters below one switch could write to each other through the switch. \
                Access control services (ACS) can make the switch send all of it up to the \
                processor first, for the IOMMU to check it.
                """,
            why: """
                Copies between GPUs, and from the adapter into a GPU, then share the way to the \
                processor and back; NCCL was seen to hang on it.
                """,
            seen: """
                Request or completion redirect (ReqRedir, CmpltRedir) in the ACS control of a \
                bridge that a GPU of the job shares with another GPU or an adapter. Nothing was \
                measured of what it costs: compare p2pBandwidthLatencyTest before and after.
                """,
            fix: "Switches ACS off on those bridges, until the next boot.",
            avoid: """
                Never on a host of virtual machines, nor with devices that are handed to one: ACS \
                is what keeps them apart. NVIDIA asks for certain values there.
                """,
            verify: "lspci -vvv shows ReqRedir- CmpltRedir- in ACSCtl of the bridges.",
            sources: [
                "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html (ACS)",
                "PCI Express Base Specification (Access Control Services)",
            ])
    ) { observation throws(Unavailable) in
        let bridges = observation.sharedBridges()
        let known = bridges.compactMap { address in
            observation.facts.pcie.functions[address]?.isRedirected.map { (address, $0) }
        }
        guard bridges.isEmpty || !known.isEmpty else {
            throw Unavailable("the configuration space of PCI bridges can be read by root only")
        }
        let redirected = known.filter(\.1).map(\.0).sorted()
        guard !redirected.isEmpty, observation.facts.isVirtualMachine == false else { return [] }
        let command = { (address: String, word: Int) in
            "setpci -s \(shellWord(address)) ECAP_ACS+0x6.w=\(hexadecimalWord(word))"
        }
        return [
            .advice(
                "pcie-acs-redirect",
                "\(redirected.count) PCI bridges above GPUs of the job send traffic between "
                    + "devices by way of the processor (ACS)",
                FindingCulprit(kind: .setting, id: "ACSCtl", name: "ACS of PCI bridges"),
                [
                    Evidence(
                        name: "bridges that redirect", value: Double(redirected.count), unit: "",
                        threshold: 1, source: "NCCL troubleshooting (ACS)")
                ],
                Fix(
                    commands: redirected.map { command($0, 0) },
                    persist: ["# a unit of systemd with these commands; they last until a reboot"],
                    rollback: redirected.map { address in
                        let old = observation.facts.pcie.functions[address]?.accessControl
                        return command(address, old ?? 0)
                    },
                    risk: """
                        Devices below one switch are no longer kept apart: not where virtual \
                        machines or containers with devices of their own must not see each other.
                        """),
                verify: "`lspci -vvv -s \(shellWord(redirected[0]))`: ACSCtl shows ReqRedir-")
        ]
    }

    package static let iommuTranslation = Rule(
        id: "iommu-translation", cause: .configuration, ceiling: .info,
        title: "Each transfer of a GPU or an adapter is translated by the IOMMU",
        explanation: Explanation(
            what: """
                The IOMMU gives each device addresses of its own and translates them. In \
                passthrough (identity) devices use the addresses of memory itself.
                """,
            why: """
                Every buffer must be mapped, and every transfer looked up: for adapters at full \
                rate that costs throughput, and RCCL was seen to hang on it.
                """,
            seen: """
                The default domain (DMA or DMA-FQ) of the IOMMU group of a GPU of the job, or of \
                an adapter that moves at least 100 MB/s by RDMA. What it costs was not measured.
                """,
            fix: "Passthrough for all devices, on the kernel command line.",
            avoid: """
                Translation keeps a faulty or hostile device out of memory; confidential \
                computing needs it. Do not switch the IOMMU off altogether: with many CPUs \
                interrupts need it.
                """,
            verify: "/sys/kernel/iommu_groups/*/type of the devices reads identity.",
            sources: [
                "Documentation/admin-guide/kernel-parameters.txt (iommu.passthrough, iommu=pt)",
                "https://instinct.docs.amd.com (system settings: iommu=pt)",
            ])
    ) { observation throws(Unavailable) in
        guard observation.facts.isVirtualMachine == false else { return [] }
        let adapters = (try? observation.usedPorts().map(\.adapter)) ?? []
        let translated = (observation.jobGPUs + adapters).filter { device in
            observation.facts.pcie.functions[device.address]?.translation?.hasPrefix("DMA") == true
        }
        guard let first = translated.first else { return [] }
        let more = translated.count > 1 ? " and \(translated.count - 1) more" : ""
        return [
            .advice(
                "iommu-translation",
                "the IOMMU translates every transfer of \(first.label)\(more)",
                FindingCulprit(kind: .setting, id: "iommu", name: "IOMMU translation"),
                [
                    Evidence(
                        name: "devices with translation", value: Double(translated.count),
                        unit: "", threshold: 1, source: "/sys/kernel/iommu_groups/*/type")
                ],
                Fix(
                    commands: [Fix.atBoot],
                    persist: ["add to the kernel command line: iommu=pt"],
                    rollback: ["remove iommu=pt from the kernel command line"],
                    risk: "Devices can reach all of memory.", needsReboot: true),
                verify: "`cat /sys/bus/pci/devices/\(shellWord(first.address))/iommu_group/type` "
                    + "reads identity")
        ]
    }
}

extension Observation {
    /// Bridges above a GPU of the job that it shares with another GPU or an adapter, and those
    /// between them.
    fileprivate func sharedBridges() -> Set<String> {
        let devices = facts.devices.filter { $0.kind == .gpu || $0.kind == .fabric }
        var bridges: Set<String> = []
        for gpu in jobGPUs {
            for other in devices where other.address != gpu.address {
                guard let first = gpu.bridges.first, first == other.bridges.first else { continue }
                bridges.formUnion(gpu.bridges + other.bridges)
            }
        }
        return bridges
    }
}
