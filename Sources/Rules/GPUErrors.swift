import Host
import Signals
import Training

private let manyRows = Limit(
    512, "rows", source: "NVIDIA DCGM and Azure health checks: replace the GPU beyond that")
/// After these a GPU, or its link, has to be reset or replaced. Azure's health checks; 63 and 64
/// are about rows, 74 about NVLink, 79 fell off the bus.
private let fatal: Set = [
    48, 56, 57, 58, 62, 63, 64, 65, 68, 69, 73, 74, 79, 80, 81, 92, 119, 120,
]
private let none = Limit(1, "", source: "any is one too many")

extension Rule {
    package static let gpuErrors = Rule(
        id: "gpu-ecc-remap-xid", cause: .gpuError, ceiling: .critical,
        title: "A GPU reports errors of its hardware",
        explanation: Explanation(
            what: """
                GPUs correct single errors of their memory and take rows that fail out of use. \
                What they cannot correct, and what else goes wrong, the driver logs as an XID.
                """,
            why: """
                A job with such a GPU stops, computes wrong numbers, or runs on and waits for \
                repairs. Of the interruptions of a large training run nearly half came from GPUs \
                and their memory.
                """,
            seen: """
                XIDs in the kernel's log while Stoker looked, errors that could not be corrected, \
                rows that wait for a reset or found no spare, GPUs that do not answer. \
                \(GPUText.isNotHost)
                """,
            fix: """
                Takes the job off this GPU and resets it. What comes back after a reset is a case \
                for the manufacturer.
                """,
            avoid: """
                XIDs 13, 31, 43 and 45 mostly come from a fault in the program and are told as \
                information. Do not reset a GPU while a job runs on any GPU that NVLink joins \
                to it.
                """,
            verify: "nvidia-smi -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT, and no new XID in dmesg.",
            sources: [
                "https://docs.nvidia.com/deploy/xid-errors",
                "https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt",
                "https://github.com/Azure/azurehpc-health-checks",
                "Llama 3 herd of models, table of interruptions",
            ])
    ) { observation throws(Unavailable) in
        try observation.gpuReadings().compactMap { gpu in observation.broken(gpu) }
    }
}

/// One thing that is wrong with a GPU.
private struct Fault {
    var severity: Severity
    var text: String
    var evidence: Evidence
}

extension GPUReading {
    fileprivate var faults: [Fault] {
        var faults = xidFaults
        func add(_ severity: Severity, _ text: String, _ evidence: Evidence) {
            faults.append(Fault(severity: severity, text: text, evidence: evidence))
        }
        if isLost {
            add(.critical, "does not answer its driver", none.evidence("GPUs lost", 1))
        }
        if let new = health.newUncorrected, new > 0 {
            add(
                .critical, "has \(new) new memory errors that it could not correct",
                none.evidence("new uncorrected errors", Double(new)))
        } else if let all = health.uncorrected, all > 0 {
            add(
                .warning, "has had \(all) memory errors that it could not correct",
                none.evidence("uncorrected errors since the driver was loaded", Double(all)))
        }
        if health.hasFailed == true {
            add(
                .critical, "has no spare rows left for one that failed",
                none.evidence("remapping failures", 1))
        }
        if health.isPending == true {
            add(
                .warning, "must be reset to take failed memory out of use",
                none.evidence("rows or pages that wait for a reset", 1))
        }
        if let rows = health.remappedUncorrected, Double(rows) > manyRows.value {
            add(
                .warning, "has \(rows) rows out of use",
                manyRows.evidence("rows remapped for uncorrected errors", Double(rows)))
        }
        return faults
    }

    private var xidFaults: [Fault] {
        Dictionary(grouping: xids, by: \.code).sorted { $0.key < $1.key }.map { code, events in
            Fault(
                severity: fatal.contains(code) ? .critical : .info, text: "logged XID \(code)",
                evidence: none.evidence("XID \(code)", Double(events.count)))
        }
    }
}

extension Observation {
    fileprivate func broken(_ gpu: GPUReading) -> Finding? {
        let faults = gpu.faults
        guard let severity = faults.map(\.severity).max() else { return nil }
        let culprit = gpuCulprit(gpu.pci)
        let worst = faults.filter { $0.severity == severity }.prefix(3).map(\.text)
        let command = GPUText.selected(gpu.pci)
        var look = ["\(command) -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT"]
        if severity > .info { look.append("# with no job on it: \(command) -r") }
        return Finding(
            rule: "gpu-ecc-remap-xid", cause: .gpuError, severity: severity,
            confidence: .measured,
            summary: "\(culprit.name) \(worst.joined(separator: "; "))",
            culprit: culprit, evidence: faults.prefix(8).map(\.evidence),
            fix: Fix(
                commands: look,
                risk: "A reset ends every program on the GPU, and on those that NVLink joins."),
            verify: "`dmesg | grep -i xid` shows nothing new")
    }
}
