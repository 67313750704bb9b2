import Host
import Signals
import Training

private let heldBack = Limit(
    50, "%", source: "judgement: half of the time at work; at the default limit it is usual")
private let slowClock = Limit(90, "%", source: "judgement: a tenth of the clock rate is gone")

extension Rule {
    package static let gpuPowerCap = Rule(
        id: "gpu-power-cap", cause: .gpuThrottling, ceiling: .warning,
        title: "A lowered power limit slows a GPU down",
        explanation: Explanation(
            what: """
                Each GPU has a power limit. At the limit it lowers its clocks. Somebody has set \
                this one below the manufacturer's value.
                """,
            why: """
                Large matrix products draw the most power, so the limit slows just the work that \
                matters; and all other ranks wait for the GPU with the lowest limit.
                """,
            seen: """
                The clock event reason "software power cap" (0x4) for at least half of the time \
                at work, and an enforced limit below the default. At the default limit this \
                reason is normal under load, and nothing is said.
                """,
            fix: "Raises the limit to the default, where power and cooling of the rack allow it.",
            avoid: """
                Limits are often set on purpose: for the power budget of a rack, or because the \
                last few percent of speed cost much power. Ask who set it.
                """,
            verify: "nvidia-smi -q -d POWER,CLOCK shows the default limit and higher clocks.",
            sources: [
                "NVML: nvmlDeviceGetEnforcedPowerLimit, nvmlClocksEventReasonSwPowerCap",
                "https://github.com/Azure/azurehpc-health-checks (0x4 is left out on purpose)",
            ])
    ) { observation throws(Unavailable) in
        try observation.gpuReadings().compactMap { gpu in observation.capped(gpu) }
    }

    package static let gpuApplicationClocks = Rule(
        id: "gpu-app-clocks", cause: .gpuThrottling, ceiling: .warning,
        title: "A GPU's clocks are set below what it could do",
        explanation: Explanation(
            what: """
                An administrator can fix the clocks of a GPU (application clocks, locked clocks). \
                The GPU then does not go higher, whatever power and heat allow.
                """,
            why: """
                Computing takes longer in proportion. Such settings are often left over from a \
                benchmark that wanted even timing.
                """,
            seen: """
                The clock event reason "applications clocks setting" (0x2) for at least half of \
                the time at work, and multiprocessors clocked at most 90 % of their highest rate.
                """,
            fix: "Gives both settings back to the driver.",
            avoid: """
                Where even timing or power matters more than speed, the setting is there on \
                purpose.
                """,
            verify: "nvidia-smi -q -d CLOCK under load shows clocks near the highest.",
            sources: [
                "NVML: nvmlClocksEventReasonApplicationsClocksSetting",
                "nvidia-smi(1): --applications-clocks, --lock-gpu-clocks",
            ])
    ) { observation throws(Unavailable) in
        try observation.gpuReadings().compactMap { gpu in observation.clocked(gpu) }
    }
}

extension Observation {
    fileprivate func capped(_ gpu: GPUReading) -> Finding? {
        let percent = gpu.heldPercentOfWork(.powerCap)
        guard heldBack.isReached(by: percent), let facts = gpuFacts(gpu.pci),
            let now = facts.enforcedPowerMilliwatts, let usual = facts.defaultPowerMilliwatts,
            now < usual
        else { return nil }
        let culprit = gpuCulprit(gpu.pci)
        let command = GPUText.selected(gpu.pci)
        return Finding(
            rule: "gpu-power-cap", cause: .gpuThrottling, severity: .warning,
            confidence: .measured,
            summary: "\(culprit.name) may draw \(now / 1_000) W of \(usual / 1_000) W, and was at "
                + "that limit for \(briefFigure(percent)) % of its work",
            culprit: culprit,
            evidence: [
                heldBack.evidence("work at the power limit", percent),
                Evidence(
                    name: "power limit", value: Double(now) / 1_000, unit: "W",
                    threshold: Double(usual) / 1_000, source: "the manufacturer's default"),
            ],
            fix: Fix(
                commands: ["\(command) -pl \(usual / 1_000)"],
                persist: ["# in the unit or script that sets the limit: -pl \(usual / 1_000)"],
                rollback: ["\(command) -pl \(now / 1_000)"],
                risk: """
                    More power and heat: a rack that was planned with the lower limit may trip \
                    its breaker.
                    """),
            verify: "`\(command) -q -d POWER,CLOCK` under load")
    }

    fileprivate func clocked(_ gpu: GPUReading) -> Finding? {
        let percent = gpu.heldPercentOfWork(.applicationClocks)
        guard heldBack.isReached(by: percent), let now = gpu.smMegahertz,
            let most = gpuFacts(gpu.pci)?.maxSMMegahertz, most > 0
        else { return nil }
        let clock = 100 * Double(now) / Double(most)
        guard clock <= slowClock.value else { return nil }
        let culprit = gpuCulprit(gpu.pci)
        let command = GPUText.selected(gpu.pci)
        let memory = gpu.memoryMegahertz.map { "\($0)" }
        var finding = Finding(
            rule: "gpu-app-clocks", cause: .gpuThrottling, severity: .warning,
            confidence: .measured,
            summary: "\(culprit.name) is set to \(now) MHz; it could run at \(most) MHz",
            culprit: culprit,
            evidence: [
                slowClock.evidence("clock to its highest", clock),
                heldBack.evidence("work at that setting", percent),
            ],
            fix: Fix(
                commands: ["\(command) -rac", "\(command) -rgc"],
                persist: ["# take -ac and -lgc out of the unit or script that sets them"],
                rollback: memory.map { ["\(command) -ac \($0),\(now)"] } ?? [],
                risk: "More power and heat; timing may vary more."),
            verify: "`\(command) -q -d CLOCK` under load")
        finding.estimate = max(0, 1 - clock / 100)
        return finding
    }
}
