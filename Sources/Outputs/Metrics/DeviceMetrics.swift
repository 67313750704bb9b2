import Fabric
import Host
import Rules
import Signals
import Training

// GPUs by PCI address, ports of the fabric by device and number, PCI Express. What a driver does not
// tell has no series.
let deviceFamilies = [
    gpuCounter(
        "busy_seconds", "Time in which something ran on the GPU, as far as its driver told."),
    gpuCounter("idle_seconds", "Time in which nothing ran on the GPU, as far as its driver told."),
    gpuCounter(
        "idle_host_seconds", by: ["cause"], most: 12,
        "The part of the idle time that goes back to the host, by cause: estimates, from looks over the last seconds."
    ),
    gpuCounter(
        "idle_throttled_seconds",
        "The part of the idle time in which heat or the power supply held a GPU of the job back."),
    gpuCounter(
        "idle_fabric_seconds",
        "The part of the idle time in which a port had data that the fabric did not take."),
    gpuCounter(
        "idle_program_seconds",
        "The part of the idle time in which the launch thread was at work on its CPU."),
    gpuCounter("idle_unexplained_seconds", "The part of the idle time that nothing here explains."),
    gpuCounter("observed_seconds", "Time for which the driver told whether the GPU was busy."),
    gpuCounter("energy_joules", "Energy that the GPU took."),
    gpuCounter(
        "throttled_seconds", by: ["reason"], most: 10,
        "Time with clocks held down, by the reason that the driver gives."),
    gpuCounter(
        "memory_errors", by: ["kind"], most: 2,
        "Errors of the GPU's memory that were corrected, and that were not (ECC)."),
    gpuCounter("pcie_replays", "Transfers over PCI Express that had to be repeated."),
    gpuCounter("xid_errors", by: ["xid"], most: 8, "Errors (XID) that the NVIDIA driver logged."),
    gpuGauge("up", "Whether the driver answers for the GPU."),
    gpuGauge(
        "clock_hertz", by: ["clock"], most: 2, "Clocks of the multiprocessors and the memory."),
    gpuGauge("power_watts", "Power that the GPU takes."),
    gpuGauge(
        "temperature_celsius", by: ["sensor"], most: 2, "Temperature of the chip and its memory."),
    gpuGauge("memory_used_bytes", "Memory of the GPU in use."),
    gpuGauge("info", by: ["name", "node"], "What the GPU is, and the memory node next to it."),
    MetricFamily(
        "stoker_port_bytes_total", .counter, ["device", "port", "direction"], most: 32,
        from: FabricPorts.name, "Bytes that InfiniBand, RoCE and EFA ports sent and received."),
    MetricFamily(
        "stoker_port_events_total", .counter, ["device", "port", "event"], most: 128,
        from: FabricPorts.name,
        "Trouble that ports counted, whatever their drivers call it: receivers without a buffer, missing acknowledgements, gaps, congestion."
    ),
    MetricFamily(
        "stoker_port_up", .gauge, ["device", "port"], most: 16, from: FabricPorts.name,
        "Whether the port is active."),
    MetricFamily(
        "stoker_pcie_errors_total", .counter, ["severity"], most: 3, from: PCIe.name,
        "Errors that devices reported (AER), of all GPUs, adapters, drives and bridges together."),
]

/// GPUs of one host that have series. Judgement: no host has more yet.
private let mostGPUs = 16

private func gpuCounter(
    _ name: String, by labels: [String] = [], most: Int = 1, _ help: String
) -> MetricFamily {
    MetricFamily(
        "stoker_gpu_\(name)_total", .counter, ["gpu"] + labels, most: most * mostGPUs,
        from: GPUs.name, help)
}

private func gpuGauge(
    _ name: String, by labels: [String] = [], most: Int = 1, _ help: String
) -> MetricFamily {
    MetricFamily(
        "stoker_gpu_\(name)", .gauge, ["gpu"] + labels, most: most * mostGPUs, from: GPUs.name,
        help)
}

extension MetricCounters {
    mutating func addGPUs(_ step: Window, _ diagnosis: Diagnosis) {
        guard let gpus = try? step(GPUs.self) else { return }
        for gpu in gpus.gpus { add(gpu) }
        for loss in diagnosis.gpus {
            guard let gpu = gpus[loss.pci], let observed = gpu.activity.observed else { continue }
            let seconds = Double(observed) / 1e9
            for part in loss.parts {
                grow(
                    "stoker_gpu_idle_host_seconds_total", [loss.pci, part.cause.rawValue],
                    part.share * seconds)
            }
            let others = [
                ("throttled", loss.throttledShare), ("fabric", loss.fabricShare),
                ("program", loss.programShare), ("unexplained", loss.unexplainedShare),
            ]
            for (reason, share) in others {
                grow("stoker_gpu_idle_\(reason)_seconds_total", [loss.pci], share * seconds)
            }
        }
    }

    private mutating func add(_ gpu: GPUReading) {
        let pci = gpu.pci
        if let active = gpu.activity.active, let observed = gpu.activity.observed {
            grow("stoker_gpu_busy_seconds_total", [pci], nanoseconds: active)
            grow("stoker_gpu_observed_seconds_total", [pci], nanoseconds: observed)
            let idle = growth(observed, active)
            grow("stoker_gpu_idle_seconds_total", [pci], nanoseconds: idle)
        }
        if let energy = gpu.energyMillijoules {
            grow("stoker_gpu_energy_joules_total", [pci], Double(energy) / 1e3)
        }
        for (reason, time) in gpu.limits.held {
            let family = "stoker_gpu_throttled_seconds_total"
            grow(family, [pci, hyphened(reason.rawValue)], nanoseconds: time)
        }
        if let corrected = gpu.health.newCorrected {
            grow("stoker_gpu_memory_errors_total", [pci, "corrected"], Double(corrected))
        }
        if let uncorrected = gpu.health.newUncorrected {
            grow("stoker_gpu_memory_errors_total", [pci, "uncorrected"], Double(uncorrected))
        }
        if let replays = gpu.link.replays {
            grow("stoker_gpu_pcie_replays_total", [pci], Double(replays))
        }
        for xid in gpu.xids {
            let code = label("\(xid.code)", of: "xid \(pci)", most: 7, matters: true)
            grow("stoker_gpu_xid_errors_total", [pci, code], 1)
        }
    }

    mutating func addFabric(_ step: Window) {
        if let ports = try? step(FabricPorts.self) {
            for port in ports.ports {
                let key = [port.facts.device, "\(port.facts.port)"]
                if let bytes = port.sentBytes {
                    grow("stoker_port_bytes_total", key + ["sent"], Double(bytes))
                }
                if let bytes = port.receivedBytes {
                    grow("stoker_port_bytes_total", key + ["received"], Double(bytes))
                }
                for event in FabricEvent.allCases {
                    guard let count = event.count(in: port) else { continue }
                    let family = "stoker_port_events_total"
                    grow(family, key + [hyphened(String(describing: event))], Double(count))
                }
            }
        }
        guard let pcie = try? step(PCIe.self) else { return }
        for function in pcie.functions {
            for (severity, errors) in [
                ("correctable", function.correctable), ("nonfatal", function.nonfatal),
                ("fatal", function.fatal),
            ] {
                guard let errors else { continue }
                let count = errors.filter { !$0.key.hasPrefix("TOTAL") }.values.reduce(0, &+)
                grow("stoker_pcie_errors_total", [severity], Double(count))
            }
        }
    }
}

func deviceSamples(_ family: String, _ snapshot: MetricsSnapshot) -> [MetricSample]? {
    let gpus = (try? snapshot.look?.step(GPUs.self))?.gpus ?? []
    func each(_ value: (GPUReading) -> Double?) -> [MetricSample] {
        gpus.compactMap { gpu in value(gpu).map { MetricSample([gpu.pci], .number($0)) } }
    }
    func pairs(_ values: [(String, (GPUReading) -> Double?)]) -> [MetricSample] {
        gpus.flatMap { gpu in
            values.compactMap { name, value in
                value(gpu).map { MetricSample([gpu.pci, name], .number($0)) }
            }
        }
    }
    switch family {
    case "stoker_gpu_up": return each { $0.isLost || $0.trouble != nil ? 0 : 1 }
    case "stoker_gpu_clock_hertz":
        return pairs([
            ("sm", { $0.smMegahertz.map { Double($0) * 1e6 } }),
            ("memory", { $0.memoryMegahertz.map { Double($0) * 1e6 } }),
        ])
    case "stoker_gpu_power_watts": return each { $0.milliwatts.map { Double($0) / 1e3 } }
    case "stoker_gpu_temperature_celsius":
        return pairs([
            ("chip", { $0.celsius.map { Double($0) } }),
            ("memory", { $0.memoryCelsius.map { Double($0) } }),
        ])
    case "stoker_gpu_memory_used_bytes": return each { $0.memoryUsedBytes.map { Double($0) } }
    case "stoker_gpu_info":
        return (snapshot.look?.observation.facts.gpus ?? []).map { gpu in
            let node = gpu.numaNode.map { "\($0)" } ?? ""
            return MetricSample([gpu.pci, gpu.name ?? "", node], .number(1))
        }
    case "stoker_port_up":
        return ((try? snapshot.look?.step(FabricPorts.self))?.ports ?? []).compactMap { port in
            port.facts.state.map { _ in
                MetricSample(
                    [port.facts.device, "\(port.facts.port)"],
                    .number(port.facts.isActive ? 1 : 0))
            }
        }
    default: return nil
    }
}

/// `powerCap` as labels have it: `power-cap`.
private func hyphened(_ name: String) -> String {
    name.reduce(into: "") { text, letter in
        text += letter.isUppercase ? "-" + letter.lowercased() : String(letter)
    }
}
