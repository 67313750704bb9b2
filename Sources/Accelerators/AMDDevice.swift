import Host

/// One GPU that amdgpu drives, from its files in sysfs. Reading one may ask the GPU's firmware,
/// and so may hang. `pcie_bw` is never read: it sleeps for a second in the driver.
struct AMDDevice {
    private let host: Host
    private let folder: String
    private let sensors: String?
    private let slot: WorkerSlot
    private var facts: GPUFacts
    private var reading: GPUReading
    private var activity = ActivityIntegral()
    private var held: (looks: UInt64, power: UInt64, heat: UInt64)?
    private var heldTime: (power: UInt64, heat: UInt64) = (0, 0)

    /// PCI address of a card; `nil` when it is of no PCI device.
    static func address(ofCard card: Int, _ host: Host) -> String? {
        let target = host.link("/sys/class/drm/card\(card)/device")
        if let name = target?.split(separator: "/").last, let pci = pciAddress(name) { return pci }
        // A captured tree may have folders where the kernel has links.
        guard let bytes = try? host.bytes("/sys/class/drm/card\(card)/device/uevent") else {
            return nil
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        let line = lines.first { $0.hasPrefix("PCI_SLOT_NAME=") }
        return line.flatMap { pciAddress($0.dropFirst("PCI_SLOT_NAME=".count)) }
    }

    init(card: Int, pci: String, slot: WorkerSlot, host: Host, epoch: UInt64) {
        self.host = host
        self.slot = slot
        folder = "/sys/class/drm/card\(card)/device"
        let hwmon = "\(folder)/hwmon"
        sensors = host.names(in: hwmon).first.map { "\(hwmon)/\($0)" }
        facts = GPUFacts(pci: pci, vendor: .amd)
        facts.minor = card
        reading = GPUReading(pci: pci)
        reading.epoch = epoch
        facts.name = host.line("\(folder)/product_name").flatMap { $0.isEmpty ? nil : $0 }
        facts.uuid = host.line("\(folder)/unique_id").flatMap { $0.isEmpty ? nil : $0 }
        facts.numaNode = host.number("\(folder)/numa_node").flatMap { $0 >= 0 ? Int($0) : nil }
        facts.memoryBytes = number("mem_info_vram_total")
        facts.maxLinkLanes = number("max_link_width").flatMap { Int(exactly: $0) }
        facts.maxLinkGeneration = generation("max_link_speed")
        facts.driverVersion = host.line("/sys/module/amdgpu/version")
    }

    /// Reads everything.
    mutating func look() -> DeviceReport {
        let now = monotonicNanoseconds()
        let passed = reading.takenAt > 0 ? now &- reading.takenAt : 0
        reading.trouble = nil
        let metrics = metrics()
        readActivity(metrics?.activity ?? number("gpu_busy_percent"), over: passed)
        reading.memoryUsedBytes = number("mem_info_vram_used")
        reading.link.generation = generation("current_link_speed")
        reading.link.lanes = number("current_link_width").flatMap { Int(exactly: $0) }
        reading.link.replays = number("pcie_replay_count") ?? metrics?.replays
        readSensors()
        if let metrics { take(metrics, over: passed) }
        reading.takenAt = now
        reading.calls &+= 1
        reading.callNanoseconds &+= monotonicNanoseconds() &- now
        return DeviceReport(pci: reading.pci, facts: facts, reading: reading)
    }

    private mutating func readActivity(_ percent: UInt64?, over passed: UInt64) {
        guard let percent, percent <= 100 else { return }
        activity.add(percent: Double(percent), over: passed, as: .rate)
        (reading.activity.active, reading.activity.observed) = (activity.active, activity.observed)
        reading.activity.source = .rate
    }

    private mutating func readSensors() {
        guard let sensors else { return }
        // µW and thousandths of a degree.
        let power =
            sensor("power1_average", in: sensors) ?? sensor("power1_input", in: sensors)
        reading.milliwatts = power.map { $0 / 1_000 }
        reading.celsius = sensor("temp1_input", in: sensors).map { $0 / 1_000 }
        facts.enforcedPowerMilliwatts = sensor("power1_cap", in: sensors).map { $0 / 1_000 }
        facts.defaultPowerMilliwatts = sensor("power1_cap_default", in: sensors).map { $0 / 1_000 }
        // Hz
        reading.smMegahertz = sensor("freq1_input", in: sensors).map { $0 / 1_000_000 }
        reading.memoryMegahertz = sensor("freq2_input", in: sensors).map { $0 / 1_000_000 }
    }

    private mutating func metrics() -> AMDMetrics? {
        guard let bytes = read("gpu_metrics", { try? host.bytes("\(folder)/gpu_metrics") }) else {
            return nil
        }
        do throws(AMDMetrics.Failure) { return try AMDMetrics(parsing: bytes) } catch {
            switch error {
            case .cut(let bytes): reading.trouble = "gpu_metrics ends after \(bytes) bytes"
            case .unknown(let format, let content, let size):
                reading.trouble =
                    "gpu_metrics \(format).\(content) of \(size) bytes is a layout that this "
                    + "version cannot read"
            }
            return nil
        }
    }

    private mutating func take(_ metrics: AMDMetrics, over passed: UInt64) {
        reading.celsius = metrics.celsius ?? reading.celsius
        reading.memoryCelsius = metrics.memoryCelsius
        reading.milliwatts = metrics.watts.map { $0 &* 1_000 } ?? reading.milliwatts
        reading.smMegahertz = metrics.shaderMegahertz ?? reading.smMegahertz
        reading.memoryMegahertz = metrics.memoryMegahertz ?? reading.memoryMegahertz
        reading.energyMillijoules = metrics.energy.map { UInt64(Double($0) / 65_536 * 1_000) }
        // The links between GPUs stand where NVIDIA's do.
        reading.link.nvlinkReceivedBytes = metrics.xgmiRead.map { $0 &* 1_024 }
        reading.link.nvlinkSentBytes = metrics.xgmiWritten.map { $0 &* 1_024 }
        guard let looks = metrics.looks, let power = metrics.heldByPower,
            let heat = metrics.heldByHeat
        else { return }
        if let held, looks > held.looks {
            heldTime.power &+= share(power, held.power, looks - held.looks, of: passed)
            heldTime.heat &+= share(heat, held.heat, looks - held.looks, of: passed)
        }
        held = (looks, power, heat)
        reading.limits.throttled = [.power: heldTime.power, .thermal: heldTime.heat]
    }

    /// The part of `passed` for which a throttle was on: at so many of the firmware's looks.
    private func share(
        _ now: UInt64, _ before: UInt64, _ looks: UInt64, of passed: UInt64
    ) -> UInt64 {
        now > before ? part(Double(now - before) / Double(looks), of: passed) : 0
    }

    private func number(_ file: String) -> UInt64? {
        read(file) { host.number("\(folder)/\(file)") }.flatMap { UInt64(exactly: $0) }
    }

    private func sensor(_ file: String, in folder: String) -> UInt64? {
        read(file) { host.number("\(folder)/\(file)") }.flatMap { UInt64(exactly: $0) }
    }

    /// PCI Express generation by the speed of a lane, `16.0 GT/s PCIe`.
    private func generation(_ file: String) -> Int? {
        let words = read(file) { host.line("\(folder)/\(file)") }?.split(separator: " ") ?? []
        guard words.count >= 2, words[1] == "GT/s", let speed = Double(words[0]) else { return nil }
        return [2.5: 1, 5: 2, 8: 3, 16: 4, 32: 5, 64: 6][speed]
    }

    private func read<Value>(_ file: String, _ body: () -> Value?) -> Value? {
        slot.enter(file, at: monotonicNanoseconds())
        defer { slot.leave() }
        return body()
    }
}
