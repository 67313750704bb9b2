import CNVML
import Host

/// One NVIDIA GPU as its own thread sees it: asks the driver, and adds up what the driver does
/// not. A class because it is made and used inside of that thread only.
final class NVMLDevice {
    private let library: NVMLLibrary
    private let device: OpaquePointer
    private let calls: DriverCalls
    private var facts: GPUFacts
    private var reading: GPUReading
    private var utilization: NVMLUtilization
    private var sent = Unwrapped()
    private var received = Unwrapped()
    private var lastBits: UInt64 = 0
    private var readSlowlyAt: UInt64 = 0
    private var hasPendingRows: Bool?
    private var hasPendingPages: Bool?

    /// Lists of processes take locks that stall the program on the GPU: 4.5 ms and more each.
    private static let slowStep: UInt64 = 9_500_000_000
    /// Room for this many processes at first, and at most.
    private static let processes = (first: 128, most: 4_096)

    init(_ library: NVMLLibrary, pci: String, slot: WorkerSlot, host: Host, epoch: UInt64)
        throws(WorkerFailure)
    {
        self.library = library
        calls = DriverCalls(slot: slot)
        device = try Self.handle(pci, library, calls)
        facts = library.facts(of: device, pci, calls, host)
        utilization = NVMLUtilization(library, device)
        reading = GPUReading(pci: pci)
        reading.epoch = epoch
    }

    private static func handle(
        _ pci: String, _ library: NVMLLibrary, _ calls: DriverCalls
    ) throws(WorkerFailure) -> OpaquePointer {
        guard let function = library.functions.by_pci else {
            throw WorkerFailure("the library cannot find GPUs by PCI address")
        }
        var device: OpaquePointer?
        let code = calls("nvmlDeviceGetHandleByPciBusId_v2") { function(pci, &device) }
        guard code == 0, let device else {
            throw WorkerFailure(NVMLLibrary.sentence(code), code: code)
        }
        return device
    }

    /// Reads everything that is due.
    func look() -> DeviceReport {
        calls.forgetLoss()
        let now = monotonicNanoseconds()
        let passed = reading.takenAt > 0 ? growth(now, reading.takenAt) : 0
        utilization.read(over: passed, calls)
        reading.activity = utilization.activity
        readGauges()
        readLimits(over: passed)
        readFields()
        if now &- readSlowlyAt >= Self.slowStep || readSlowlyAt == 0 {
            readSlowlyAt = now
            readSlowly()
        }
        let pending = [hasPendingRows, hasPendingPages].compactMap { $0 }
        reading.health.isPending = pending.isEmpty ? nil : pending.contains(true)
        reading.takenAt = now
        (reading.calls, reading.callNanoseconds) = (calls.count, calls.nanoseconds)
        reading.isLost = calls.loss != nil
        reading.trouble = calls.loss.map(NVMLLibrary.sentence)
        return DeviceReport(pci: reading.pci, facts: facts, reading: reading)
    }

    private func growth(_ later: UInt64, _ earlier: UInt64) -> UInt64 {
        later >= earlier ? later - earlier : 0
    }

    private func number(_ name: String, _ function: DriverCalls.Number) -> UInt64? {
        calls.number(name, function, of: device)
    }

    private func readGauges() {
        let functions = library.functions
        reading.energyMillijoules = calls.wideNumber(
            "nvmlDeviceGetTotalEnergyConsumption", functions.energy, of: device)
        reading.milliwatts = number("nvmlDeviceGetPowerUsage", functions.power)
        reading.smMegahertz = calls.number(
            "nvmlDeviceGetClockInfo", Clock.sm, functions.clock, of: device)
        reading.memoryMegahertz = calls.number(
            "nvmlDeviceGetClockInfo", Clock.memory, functions.clock, of: device)
        reading.celsius = calls.number(
            "nvmlDeviceGetTemperature", 0, functions.temperature, of: device)
        reading.memoryUsedBytes = library.memory(of: device, calls)?.used
        reading.link.generation = number(
            "nvmlDeviceGetCurrPcieLinkGeneration", functions.link_generation
        ).map { Int($0) }
        reading.link.lanes = number("nvmlDeviceGetCurrPcieLinkWidth", functions.link_width)
            .map { Int($0) }
    }

    private func readLimits(over passed: UInt64) {
        let bits = calls.wideNumber(
            "nvmlDeviceGetCurrentClocksEventReasons", library.functions.clock_reasons, of: device)
        reading.limits.add(bits, over: passed, after: lastBits)
        lastBits = bits ?? lastBits
    }

    /// All counters that the driver hands out in one call.
    private func readFields() {
        guard let function = library.functions.fields else { return }
        var fields = Field.allCases.map { field in
            var value = nvml_field()
            (value.id, value.scope, value.code) = (field.rawValue, field.scope, -1)
            return value
        }
        let code = calls("nvmlDeviceGetFieldValues") {
            function(device, Int32(fields.count), &fields)
        }
        guard code == 0 else { return }
        var values: [Field: FieldValue] = [:]
        for (field, value) in zip(Field.allCases, fields) { values[field] = FieldValue(value) }
        take(values)
        if values[.throttledPower] == nil && values[.throttledThermal] == nil { readViolations() }
        if values[.pcieReplays] == nil {
            reading.link.replays = number(
                "nvmlDeviceGetPcieReplayCounter", library.functions.replays)
        }
    }

    private func take(_ values: [Field: FieldValue]) {
        for (field, policy, _) in Field.policies {
            if let value = values[field] { reading.limits.throttled[policy] = value.value }
        }
        reading.memoryCelsius = values[.memoryTemperature]?.value
        reading.link.replays = values[.pcieReplays]?.value
        // KiB
        reading.link.nvlinkSentBytes = values[.nvlinkSent].map { $0.value &* 1024 }
        reading.link.nvlinkReceivedBytes = values[.nvlinkReceived].map { $0.value &* 1024 }
        reading.link.nvlinkReplays = values[.nvlinkReplays]?.value
        reading.link.nvlinkRecoveries = values[.nvlinkRecoveries]?.value
        reading.link.nvlinkCRCErrors = values[.nvlinkCRCErrors]?.value
        reading.link.sentBytes = values[.pcieSent].map { sent.add($0.value, bits: $0.bits) }
        reading.link.receivedBytes = values[.pcieReceived].map {
            received.add($0.value, bits: $0.bits)
        }
        let retired = [Field.retiredSingleBit, .retiredDoubleBit].compactMap { values[$0]?.value }
        reading.health.retiredPages = retired.isEmpty ? nil : retired.reduce(0, &+)
        hasPendingPages = values[.retirementPending].map { $0.value == 1 }
    }

    /// Where the driver does not have these counters as fields.
    private func readViolations() {
        guard let function = library.functions.violation else { return }
        for (_, policy, number) in Field.policies {
            var time = nvml_violation()
            let code = calls("nvmlDeviceGetViolationStatus \(number)") {
                function(device, number, &time)
            }
            if code == 0 { reading.limits.throttled[policy] = time.violation_nanoseconds }
        }
    }

    /// Every ten seconds: what takes longer, or changes rarely.
    private func readSlowly() {
        library.update(&facts, of: device, calls)
        reading.processes = processes()
        reading.health.corrected = eccErrors(0)
        reading.health.uncorrected = eccErrors(1)
        guard let function = library.functions.remapped_rows else { return }
        var rows = (corrected: UInt32(0), uncorrected: UInt32(0), pending: UInt32(0))
        var failed = UInt32(0)
        let code = calls("nvmlDeviceGetRemappedRows") {
            function(device, &rows.corrected, &rows.uncorrected, &rows.pending, &failed)
        }
        guard code == 0 else { return }
        reading.health.remappedCorrected = UInt64(rows.corrected)
        reading.health.remappedUncorrected = UInt64(rows.uncorrected)
        hasPendingRows = rows.pending != 0
        reading.health.hasFailed = failed != 0
    }

    /// Errors since the driver was loaded: 0 corrected, 1 uncorrected.
    private func eccErrors(_ type: UInt32) -> UInt64? {
        guard let function = library.functions.ecc_errors else { return nil }
        var count: UInt64 = 0
        let code = calls("nvmlDeviceGetTotalEccErrors \(type)") {
            function(device, type, 0, &count)
        }
        return code == 0 ? count : nil
    }

    private func processes() -> [Int32]? {
        guard let function = library.functions.processes else { return nil }
        var room = Self.processes.first
        while room <= Self.processes.most {
            var count = UInt32(room)
            var bytes = [UInt8](
                repeating: ProcessList.filler, count: room * ProcessList.widest)
            let code = calls("nvmlDeviceGetComputeRunningProcesses") {
                bytes.withUnsafeMutableBytes { function(device, &count, $0.baseAddress) }
            }
            if code == NVML_CODE_INSUFFICIENT_SIZE.rawValue {
                room = max(room * 2, min(Int(count), Self.processes.most + 1))
                continue
            }
            guard code == 0, Int(count) <= room else { return nil }
            return ProcessList.pids(in: bytes, count: Int(count))
        }
        return nil
    }
}

extension GPULimits {
    /// The bits of this reading stand for the time since the one before.
    mutating func add(_ bits: UInt64?, over passed: UInt64, after before: UInt64) {
        self.bits = bits
        guard let bits else { return }
        watched &+= passed
        for limit in ClockLimit.allCases where bits & limit.bit != 0 {
            held[limit, default: 0] &+= passed
        }
        let mask = ClockLimit.slowdowns.reduce(0) { $0 | $1.bit }
        if bits & mask != 0 && before & mask == 0 { slowdowns &+= 1 }
    }
}
