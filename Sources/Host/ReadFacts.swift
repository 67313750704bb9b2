extension HostFacts {
    /// Everything that the files of `host` tell. What cannot be read stays `nil` or empty.
    package static func read(from host: Host) -> HostFacts {
        var facts = HostFacts()
        facts.hostname = host.line("/proc/sys/kernel/hostname") ?? ""
        facts.kernel = host.line("/proc/sys/kernel/osrelease") ?? ""
        facts.kernelVersion = KernelVersion(release: facts.kernel)
        facts.commandLine = (host.line("/proc/cmdline") ?? "").split(separator: " ").map(
            String.init)
        facts.isVirtualMachine = virtualMachine(host)
        facts.memoryTotalBytes = memoryTotal(host)
        facts.topology = Topology.read(from: host)
        facts.settings = Settings.read(from: host)
        let bus = PCIBus.read(from: host)
        facts.devices = bus.devices
        facts.interrupts = InterruptFacts.read(from: host).map(bus.located)
        facts.disks = DiskFacts.read(from: host)
        facts.power = PowerFacts.read(from: host)
        facts.hugepages = HugepagePool.read(from: host)
        facts.cgroups = CgroupLayout.read(from: host)
        facts.managers = Managers.read(from: host)
        facts.pcie = PCIeSettings.read(from: host, of: bus.devices)
        return facts
    }

    private static func memoryTotal(_ host: Host) -> UInt64 {
        guard let bytes = try? host.bytes("/proc/meminfo") else { return 0 }
        return KernelText.memoryFigures(bytes)["MemTotal"] ?? 0
    }

    /// The x86 CPU flag `hypervisor`; `nil` on architectures that show no flags.
    private static func virtualMachine(_ host: Host) -> Bool? {
        guard let bytes = try? host.bytes("/proc/cpuinfo", limit: 64 << 10) else { return nil }
        var text = KernelText(bytes)
        while text.nextLine() {
            guard text.skip("flags") else { continue }
            return text.rest().split(separator: " ").contains("hypervisor")
        }
        return nil
    }
}

extension KernelVersion {
    /// From `6.18.44-fc`; what is not a number reads as 0.
    package init(release: String) {
        let parts = release.split(separator: ".", maxSplits: 2).map { part in
            Int(part.prefix { ("0"..."9").contains($0) }) ?? 0
        }
        self.init(major: parts.first ?? 0, minor: parts.count > 1 ? parts[1] : 0)
    }
}
