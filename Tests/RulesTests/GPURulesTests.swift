import Host
import Rules
import Signals
import Testing
import Training

private let pci = "0000:1b:00.0"
private let window: UInt64 = 20_000_000_000

/// A GPU that was at work for four fifths of the window.
private func gpus(
    seconds: UInt64 = 20, _ change: (inout GPUReading) -> Void = { _ in },
    facts edit: (inout GPUFacts) -> Void = { _ in }
) -> Observation {
    var gpu = GPUReading(pci: pci)
    (gpu.activity.active, gpu.activity.observed) = (16_000_000_000, 20_000_000_000)
    gpu.limits.watched = window
    (gpu.smMegahertz, gpu.memoryMegahertz, gpu.celsius) = (1_980, 2_619, 61)
    gpu.health = GPUHealth()
    (gpu.health.uncorrected, gpu.health.newUncorrected, gpu.health.isPending) = (0, 0, false)
    change(&gpu)
    var facts = GPUFacts(pci: pci, vendor: .nvidia)
    (facts.name, facts.maxSMMegahertz, facts.hasPersistence) = ("NVIDIA H100", 1_980, true)
    (facts.enforcedPowerMilliwatts, facts.defaultPowerMilliwatts) = (700_000, 700_000)
    edit(&facts)
    var readings = Readings()
    readings[GPUs.self] = .success(GPUs(gpus: [gpu]))
    var observation = Observation(
        whole: Window(nanoseconds: seconds * 1_000_000_000, change: readings))
    observation.facts.gpus = [facts]
    return observation
}

private func part(_ percent: Double, of whole: UInt64 = window) -> UInt64 {
    UInt64(percent / 100 * Double(whole))
}

@Suite struct GPURulesTests {
    @Test func aHealthyGPUIsNotMentioned() throws {
        let busy = gpus {
            // At the default limit the power cap is normal.
            $0.limits.held = [.powerCap: window]
            $0.limits.throttled = [.power: window, .thermal: part(0.9), .lowUtilization: window]
            $0.health.corrected = 17
            $0.health.remappedUncorrected = 512
        }
        for rule in gpuRules { #expect(try rule.check(busy).isEmpty, "\(rule.id)") }
        #expect(diagnose(gpuRules, busy).findings.isEmpty)
    }

    @Test func aHostWithoutGPUsLacksNothing() throws {
        var observation = Observation()
        for rule in gpuRules { #expect(try rule.check(observation).isEmpty, "\(rule.id)") }
        observation.facts.devices = [DeviceFacts(kind: .gpu, address: pci)]
        #expect(throws: Unavailable.self) { try Rule.gpuThermal.check(observation) }
    }

    @Test func heatCountsFromAHundredth() throws {
        let rule = Rule.gpuThermal
        let finding = try #require(
            try rule.check(gpus { $0.limits.held = [.hardwareThermal: part(1)] }).first)
        #expect(finding.severity == .warning)
        #expect(finding.culprit?.id == pci)
        #expect(
            finding.summary == "NVIDIA H100 (0000:1b:00.0) was slowed down by heat (hardware "
                + "thermal slowdown) for 1 % of the time")
        let less = gpus { $0.limits.held = [.hardwareThermal: part(1) - 1] }
        #expect(try rule.check(less).isEmpty)
        let counted = gpus { $0.limits.throttled = [.thermal: part(10)] }
        #expect(try rule.check(counted).first?.severity == .critical)
        let brake = gpus { $0.limits.held = [.powerBrake: part(3)] }
        #expect(try rule.check(brake).first?.summary.contains("its power supply") == true)
    }

    @Test func slowdownsAreCountedOverTenMinutes() throws {
        let often = gpus(seconds: 600) { $0.limits.slowdowns = 6 }
        #expect(try Rule.gpuThermal.check(often).first?.severity == .warning)
        #expect(try Rule.gpuThermal.check(gpus(seconds: 599) { $0.limits.slowdowns = 9 }).isEmpty)
        #expect(try Rule.gpuThermal.check(gpus(seconds: 600) { $0.limits.slowdowns = 5 }).isEmpty)
    }

    @Test func onlyALoweredPowerLimitCounts() throws {
        func check(_ held: UInt64, _ limit: UInt64) throws -> Finding? {
            try Rule.gpuPowerCap.check(
                gpus({ $0.limits.held = [.powerCap: held] }) {
                    $0.enforcedPowerMilliwatts = limit
                }
            ).first
        }
        // Half of the four fifths at work.
        let finding = try #require(try check(part(40), 500_000))
        #expect(finding.severity == .warning)
        #expect(finding.fix.commands == ["nvidia-smi -i 0000:1b:00.0 -pl 700"])
        #expect(finding.fix.rollback == ["nvidia-smi -i 0000:1b:00.0 -pl 500"])
        #expect(try check(part(39.9), 500_000) == nil)
        #expect(try check(window, 700_000) == nil)
    }

    @Test func clocksThatAreSetCountWhenTheyAreLow() throws {
        func check(_ clock: UInt64, _ held: UInt64, active: UInt64 = 16_000_000_000) throws
            -> Finding?
        {
            try Rule.gpuApplicationClocks.check(
                gpus {
                    ($0.smMegahertz, $0.activity.active) = (clock, active)
                    $0.limits.held = [.applicationClocks: held]
                }
            ).first
        }
        let finding = try #require(try check(1_782, part(40)))
        #expect(finding.severity == .warning)
        #expect(finding.fix.rollback == ["nvidia-smi -i 0000:1b:00.0 -ac 2619,1782"])
        #expect(try check(1_783, part(40)) == nil)
        #expect(try check(1_000, part(39.9)) == nil)
        // At rest a GPU is slow by right.
        #expect(try check(345, window, active: 1_999_999_999) == nil)
    }

    @Test(arguments: [(79, Severity.critical), (48, .critical), (31, .info), (0, .info)])
    func anXIDCountsByItsCode(code: Int, severity: Severity) throws {
        let observation = gpus { $0.xids = [XID(time: 3, code: code), XID(time: 5, code: code)] }
        let finding = try #require(try Rule.gpuErrors.check(observation).first)
        #expect(finding.severity == severity)
        #expect(finding.summary == "NVIDIA H100 (0000:1b:00.0) logged XID \(code)")
        #expect(finding.evidence.first?.value == 2)
    }

    @Test func faultsOfMemoryCount() throws {
        func severity(_ change: (inout GPUReading) -> Void) throws -> Severity? {
            try Rule.gpuErrors.check(gpus(change)).first?.severity
        }
        #expect(try severity { $0.health.newUncorrected = 1 } == .critical)
        #expect(try severity { $0.health.uncorrected = 1 } == .warning)
        #expect(try severity { $0.health.hasFailed = true } == .critical)
        #expect(try severity { $0.health.isPending = true } == .warning)
        #expect(try severity { $0.health.remappedUncorrected = 513 } == .warning)
        #expect(try severity { $0.isLost = true } == .critical)
        #expect(try severity { $0.trouble = "has not answered for 12 s" } == nil)
    }

    @Test func hardwareIsNotBlamedOnTheHost() {
        var hot = gpus { $0.limits.held = [.softwareThermal: window] }
        #expect(diagnose(gpuRules, hot).verdict == .notHost)
        hot.whole.change[GPUs.self] = .success(GPUs())
        #expect(diagnose(gpuRules, hot).verdict == .unknown)
    }

    @Test func settingsOfTheDriverAreInformation() throws {
        let off = gpus(facts: { $0.hasPersistence = false })
        #expect(try Rule.gpuPersistence.check(off).first?.severity == .info)
        #expect(try Rule.gpuPersistence.check(gpus(facts: { $0.hasPersistence = nil })).isEmpty)
        var mixed = gpus()
        let reason = "the NVIDIA driver in the kernel and its library have different versions"
        mixed.whole.change[GPUs.self] = .success(
            GPUs(library: LibraryTrouble(reason: reason, code: 18)))
        let finding = try #require(try Rule.gpuDriverMismatch.check(mixed).first)
        #expect((finding.severity, finding.summary) == (.info, reason))
        mixed.whole.change[GPUs.self] = .success(
            GPUs(library: LibraryTrouble(reason: "cannot load NVML")))
        #expect(try Rule.gpuDriverMismatch.check(mixed).isEmpty)
    }
}
