import Fabric
import Host
import Rules
import Signals
import Testing
import Training

/// Settings of PCI Express and its drivers on a host whose job computes on two GPUs, each with an
/// adapter on its switch.
@Suite struct PCIeSettingsRulesTests {
    private static let bytesPerSecond: UInt64 = 1_000_000_000
    private static let (gpu, adapter, bridge) = ("0000:14:00.0", "0000:13:00.0", "0000:12:00.0")

    private func host(
        traffic: UInt64 = bytesPerSecond, second: UInt64 = bytesPerSecond,
        _ change: (inout HostFacts) -> Void = { _ in }
    ) -> Observation {
        var host = FabricHost()
        for index in [1, 2] {
            host.addPort(index) {
                let words = (index == 1 ? traffic : second) / 4 * 60
                $0.port.values = ["port_xmit_data": words, "port_rcv_data": 0]
            }
        }
        for index in host.facts.devices.indices {
            let isFirst = host.facts.devices[index].address.hasPrefix("0000:1")
            host.facts.devices[index].node = isFirst ? 0 : 1
            host.facts.devices[index].hostBridge = isFirst ? "pci0000:10" : "pci0000:20"
            if host.facts.devices[index].kind == .gpu { host.facts.devices[index].vendor = 0x10de }
        }
        host.facts.isVirtualMachine = false
        host.facts.kernelVersion = KernelVersion(major: 6, minor: 8)
        host.facts.pcie.isNVIDIAOpen = true
        host.facts.pcie.aspmPolicy = "default"
        for device in host.facts.devices {
            for address in device.bridges + [device.address] {
                var function = PCIeFunctionSettings()
                (function.deviceControl, function.accessControl) = (0x5936, 0x11)
                function.translation = "identity"
                host.facts.pcie.functions[address] = function
            }
        }
        change(&host.facts)
        var observation = host.observation()
        observation.job.processes[0].gpus = [Self.gpu, "0000:24:00.0"]
        return observation
    }

    private let rules: [Rule] = [
        .pcieAccessControl, .iommuTranslation, .pcieReadRequest, .pcieRelaxedOrdering, .pcieASPM,
        .gpuNICTopology, .gpuDirectModule, .gdrcopyMissing, .fabricManager,
    ]

    @Test func aHostAsItShouldBeHasNone() throws {
        for rule in rules { #expect(try rule.check(host()).isEmpty, "\(rule.id)") }
    }

    @Test func bridgesThatRedirectAreNamedAndPutBack() throws {
        let redirecting = host { $0.pcie.functions[Self.bridge]?.accessControl = 0x1d }
        let finding = try #require(try Rule.pcieAccessControl.check(redirecting).first)
        #expect(finding.severity == .info)
        #expect(finding.fix.commands == ["setpci -s \(Self.bridge) ECAP_ACS+0x6.w=0000"])
        #expect(finding.fix.rollback == ["setpci -s \(Self.bridge) ECAP_ACS+0x6.w=001d"])
        // Isolation of virtual machines needs it.
        let guest = host {
            $0.pcie.functions[Self.bridge]?.accessControl = 0x1d
            $0.isVirtualMachine = true
        }
        #expect(try Rule.pcieAccessControl.check(guest).isEmpty)
        let blind = host { facts in
            for address in facts.pcie.functions.keys {
                facts.pcie.functions[address] = PCIeFunctionSettings()
            }
        }
        #expect(throws: Unavailable.self) { try Rule.pcieAccessControl.check(blind) }
        #expect(throws: Unavailable.self) { try Rule.pcieReadRequest.check(blind) }
    }

    @Test(arguments: [("DMA", true), ("DMA-FQ", true), ("identity", false), ("blocked", false)])
    func translationIsToldOfDevicesInUse(type: String, fires: Bool) throws {
        let translated = host { $0.pcie.functions[Self.adapter]?.translation = type }
        #expect(try Rule.iommuTranslation.check(translated).count == (fires ? 1 : 0))
        // Nobody uses the second adapter.
        let idle = host(second: 0) { $0.pcie.functions["0000:23:00.0"]?.translation = type }
        #expect(try Rule.iommuTranslation.check(idle).isEmpty)
    }

    @Test func smallRequestsOfABusyAdapter() throws {
        let small: (inout HostFacts) -> Void = { facts in
            facts.pcie.functions[Self.adapter]?.deviceControl = 0x2936
        }
        let finding = try #require(try Rule.pcieReadRequest.check(host(small)).first)
        #expect(finding.summary == "mlx5_1 reads memory in requests of at most 512 bytes")
        #expect(finding.fix.commands.last?.hasSuffix("CAP_EXP+8.w=5936") == true)
        // Only by hand: a wrong word hangs the device.
        #expect(finding.fix.commands.last?.hasPrefix("#") == true)
        #expect(try Rule.pcieReadRequest.check(host(traffic: 0, small)).isEmpty)
    }

    @Test func writesInOrder() throws {
        let strict = host { $0.pcie.functions[Self.adapter]?.deviceControl = 0x5926 }
        #expect(try Rule.pcieRelaxedOrdering.check(strict).count == 1)
    }

    @Test(arguments: [("powersave", true), ("powersupersave", true), ("performance", false)])
    func linksThatSaveUpPower(policy: String, fires: Bool) throws {
        let found = try Rule.pcieASPM.check(host { $0.pcie.aspmPolicy = policy })
        #expect(found.count == (fires ? 1 : 0))
        #expect(found.allSatisfy { $0.fix.rollback.first?.contains(policy) == true })
    }

    @Test func aFarAdapterWhileANearOneRests() throws {
        // The busy adapter is beside the first GPU; the job uses the second one alone.
        var observation = host(second: 0)
        observation.job.processes[0].gpus = ["0000:24:00.0"]
        let finding = try #require(try Rule.gpuNICTopology.check(observation).first)
        #expect(finding.severity == .info && finding.culprit?.id == Self.adapter)
        #expect(finding.summary.contains("mlx5_2"))
        // Where nothing is nearer, nothing is better.
        observation.facts.devices.removeAll { $0.address == "0000:23:00.0" }
        #expect(try Rule.gpuNICTopology.check(observation).isEmpty)
    }

    @Test func adaptersThatCannotReachGPUs() throws {
        let closed = host { $0.pcie.isNVIDIAOpen = false }
        #expect(try Rule.gpuDirectModule.check(closed).count == 1)
        let loaded = host { ($0.pcie.isNVIDIAOpen, $0.pcie.hasPeerMemory) = (false, true) }
        #expect(try Rule.gpuDirectModule.check(loaded).isEmpty)
        let old = host { $0.kernelVersion = KernelVersion(major: 5, minor: 11) }
        #expect(try Rule.gpuDirectModule.check(old).count == 1)
    }

    @Test func switchesWithoutTheirManager() throws {
        let alone = host { $0.pcie.switches = 4 }
        #expect(try Rule.fabricManager.check(alone).count == 1)
        let managed = host {
            $0.pcie.switches = 4
            $0.managers.running = ["nv-fabricmanage"]
        }
        #expect(try Rule.fabricManager.check(managed).isEmpty)
    }

    @Test(arguments: [(4, 17, 16, true), (4, 16, 16, false), (5, 31, 16, false), (5, 32, 16, true)])
    func replaysAgainstWhatTheLinkMayDamage(
        generation: Int, count: UInt64, lanes: Int, fires: Bool
    ) throws {
        var observation = host()
        var gpu = GPUReading(pci: Self.gpu)
        (gpu.link.generation, gpu.link.lanes, gpu.link.replays) = (generation, lanes, count)
        observation.whole.change[GPUs.self] = .success(GPUs(gpus: [gpu]))
        let found = try Rule.pcieErrorsReplay.check(observation)
        #expect(found.count == (fires ? 1 : 0))
        #expect(found.allSatisfy { $0.isOutsideHost && $0.culprit?.id == Self.gpu })
    }
}
