import Host
import Signals
import Training

private let slowed = Limit(
    1, "%", source: "judgement: ranks wait for the slowest GPU, so a hundredth of its time counts")
private let muchSlowed = Limit(10, "%", source: "judgement: a tenth of the GPU's time")
private let eventRate = Limit(
    0.6, "events/min", source: "leptonai/gpud (hw slowdown, over ten minutes)")
/// Fewer minutes say nothing about a rate of events.
private let longEnough = 600.0

extension Rule {
    package static let gpuThermal = Rule(
        id: "gpu-thermal", cause: .gpuThrottling, ceiling: .critical,
        title: "Heat or the power supply slows a GPU down",
        explanation: Explanation(
            what: """
                A GPU that gets too hot lowers its clocks, first gently (software thermal \
                slowdown), then by half and more (hardware slowdown). The same happens when the \
                power supply asks for less (power brake).
                """,
            why: """
                All ranks of a training step wait for the slowest GPU: one that is hot slows \
                hundreds of others.
                """,
            seen: """
                The driver's counter of time below the wanted clocks for thermal reasons, and its \
                clock event reasons 0x8, 0x20, 0x40 and 0x80 once a second: at least 1 % of the \
                time, or 0.6 times a minute over ten minutes. \(GPUText.isNotHost)
                """,
            fix: """
                Better cooling: air flow, dust, fans, the coolant's temperature, a neighbour that \
                blows hot air in. For power brake: the power supplies. Until then the job is \
                better off without this GPU.
                """,
            avoid: """
                A few seconds at the start of a very hot day are no reason to drain a host. Do \
                not lower the power limit of one GPU only: the others then wait for it as well.
                """,
            verify: "nvidia-smi -q -d PERFORMANCE,TEMPERATURE shows no slowdown under load.",
            sources: [
                "NVML: nvmlClocksEventReasons, NVML_FI_DEV_PERF_POLICY_THERMAL",
                "https://github.com/leptonai/gpud (hw-slowdown)",
                "https://github.com/Azure/azurehpc-health-checks (azure_gpu_clock_throttling)",
            ])
    ) { observation throws(Unavailable) in
        try observation.gpuReadings().compactMap { gpu in observation.throttled(gpu) }
    }
}

extension Observation {
    fileprivate func throttled(_ gpu: GPUReading) -> Finding? {
        let reasons = ClockLimit.slowdowns.map { ($0, gpu.heldPercent($0)) }
            .sorted { ($0.1, $0.0.rawValue) > ($1.1, $1.0.rawValue) }
        let counted = whole.percent(gpu.limits.throttled[.thermal] ?? 0)
        let percent = max(reasons.first?.1 ?? 0, counted)
        let rate =
            whole.seconds >= longEnough ? whole.perSecond(gpu.limits.slowdowns) * 60 : 0
        guard slowed.isReached(by: percent) || eventRate.isReached(by: rate) else { return nil }
        var evidence = [slowed.evidence("time slowed down", percent)]
        if counted > 0 {
            evidence.append(
                Evidence(name: "thermal, by the driver's counter", value: counted, unit: "%"))
        }
        for (limit, held) in reasons where held > 0 {
            evidence.append(Evidence(name: limit.words, value: held, unit: "%"))
        }
        if rate > 0 { evidence.append(eventRate.evidence("slowdowns", rate)) }
        if let celsius = gpu.celsius {
            evidence.append(Evidence(name: "temperature", value: Double(celsius), unit: "°C"))
        }
        let culprit = gpuCulprit(gpu.pci)
        var finding = Finding(
            rule: "gpu-thermal", cause: .gpuThrottling,
            severity: muchSlowed.isReached(by: percent) ? .critical : .warning,
            confidence: .measured,
            summary: "\(culprit.name) was slowed down by \(mainReason(reasons, counted)) for "
                + "\(briefFigure(percent)) % of the time",
            culprit: culprit, evidence: evidence,
            fix: Fix(
                commands: [
                    "# nothing on the host helps; this shows the state:",
                    "\(GPUText.selected(gpu.pci)) -q -d PERFORMANCE,TEMPERATURE,POWER",
                ],
                risk: "None: this only looks."),
            verify: "`\(GPUText.selected(gpu.pci)) -q -d PERFORMANCE` shows no slowdown")
        finding.estimate = min(percent / 100, 1)
        return finding
    }

    private func mainReason(_ reasons: [(ClockLimit, Double)], _ counted: Double) -> String {
        guard let first = reasons.first, first.1 > 0, first.1 >= counted else { return "heat" }
        return first.0 == .powerBrake ? "its power supply" : "heat (\(first.0.words))"
    }
}

extension Window {
    /// `nanoseconds` as a share of the window, percent.
    func percent(_ nanoseconds: UInt64) -> Double {
        self.nanoseconds > 0 ? min(100 * Double(nanoseconds) / Double(self.nanoseconds), 100) : 0
    }
}

extension ClockLimit {
    /// As nvidia-smi calls it.
    var words: String {
        switch self {
        case .applicationClocks: "applications clocks setting"
        case .powerCap: "software power cap"
        case .hardwareSlowdown: "hardware slowdown"
        case .syncBoost: "sync boost"
        case .softwareThermal: "software thermal slowdown"
        case .hardwareThermal: "hardware thermal slowdown"
        case .powerBrake: "hardware power brake"
        case .display: "display clock setting"
        case .boardLimit: "board limit"
        case .reliability: "reliability limit"
        }
    }
}
