import CNVML
import Host

extension NVMLLibrary {
    /// What does not change while the driver runs, or only when somebody changes a setting.
    func facts(
        of device: OpaquePointer, _ pci: String, _ calls: DriverCalls, _ host: Host
    ) -> GPUFacts {
        var facts = GPUFacts(pci: pci, vendor: .nvidia)
        let functions = functions
        facts.name = calls.text("nvmlDeviceGetName", functions.name, of: device)
        facts.uuid = calls.text("nvmlDeviceGetUUID", functions.uuid, of: device)
        func number(_ name: String, _ function: DriverCalls.Number) -> Int? {
            calls.number(name, function, of: device).map { Int($0) }
        }
        facts.minor = number("nvmlDeviceGetMinorNumber", functions.minor)
        facts.maxLinkGeneration = number(
            "nvmlDeviceGetMaxPcieLinkGeneration", functions.max_link_generation)
        facts.maxLinkLanes = number("nvmlDeviceGetMaxPcieLinkWidth", functions.max_link_width)
        facts.maxSMMegahertz = calls.number(
            "nvmlDeviceGetMaxClockInfo", Clock.sm, functions.max_clock, of: device)
        let node = host.number("/sys/bus/pci/devices/\(pci)/numa_node")
        facts.numaNode = node.flatMap { $0 >= 0 ? Int($0) : nil }
        facts.memoryBytes = memory(of: device, calls)?.total
        facts.driverVersion = driverVersion(calls)
        update(&facts, of: device, calls)
        return facts
    }

    /// Settings that somebody may change while Stoker looks.
    func update(_ facts: inout GPUFacts, of device: OpaquePointer, _ calls: DriverCalls) {
        func number(_ name: String, _ function: DriverCalls.Number) -> UInt64? {
            calls.number(name, function, of: device)
        }
        facts.enforcedPowerMilliwatts = number(
            "nvmlDeviceGetEnforcedPowerLimit", functions.power_limit)
        facts.defaultPowerMilliwatts = number(
            "nvmlDeviceGetPowerManagementDefaultLimit", functions.default_power_limit)
        facts.hasPersistence = number("nvmlDeviceGetPersistenceMode", functions.persistence)
            .map { $0 == 1 }
        facts.hasMIG = isMIG(device, calls)
    }

    func memory(of device: OpaquePointer, _ calls: DriverCalls) -> nvml_memory? {
        guard let function = functions.memory else { return nil }
        var memory = nvml_memory()
        return calls("nvmlDeviceGetMemoryInfo") { function(device, &memory) } == 0 ? memory : nil
    }

    private func isMIG(_ device: OpaquePointer, _ calls: DriverCalls) -> Bool? {
        guard let function = functions.mig else { return nil }
        var (current, pending) = (UInt32(0), UInt32(0))
        let code = calls("nvmlDeviceGetMigMode") { function(device, &current, &pending) }
        return code == 0 ? current == 1 : nil
    }

    private func driverVersion(_ calls: DriverCalls) -> String? {
        guard let function = functions.driver_version else { return nil }
        var characters = [CChar](repeating: 0, count: 96)
        let code = calls("nvmlSystemGetDriverVersion") {
            function(&characters, UInt32(characters.count))
        }
        return code == 0 ? text(characters) : nil
    }
}

/// nvmlClockType_t
enum Clock {
    static let sm: UInt32 = 1
    static let memory: UInt32 = 2
}
