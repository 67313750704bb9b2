import Host
import Signals
import Training

extension Rule {
    package static let gpuPersistence = Rule(
        id: "gpu-persistence", cause: .configuration, ceiling: .info,
        title: "The driver lets go of GPUs that nobody uses",
        explanation: Explanation(
            what: """
                Without persistence mode the NVIDIA driver shuts a GPU down when the last program \
                closes it, and starts it again for the next one.
                """,
            why: """
                Each start of a job then waits seconds for every GPU, and clocks, power limits \
                and error counts that were set or gathered are lost in between.
                """,
            seen: "The driver's persistence mode of each GPU.",
            fix: "Runs NVIDIA's daemon that keeps the GPUs open.",
            avoid: "Where GPUs are reset or handed to virtual machines between jobs.",
            verify: "nvidia-smi -q shows persistence mode enabled.",
            sources: [
                "https://docs.nvidia.com/deploy/driver-persistence",
                "https://github.com/Azure/azurehpc-health-checks (azure_gpu_persistence)",
            ])
    ) { observation throws(Unavailable) in
        let off = observation.facts.gpus.filter { $0.hasPersistence == false }
        guard let first = off.first else { return [] }
        let count = off.count == 1 ? first.label : "\(off.count) GPUs"
        return [
            Finding(
                rule: "gpu-persistence", cause: .configuration, severity: .info,
                confidence: .configuration,
                summary: "persistence mode is off for \(count)",
                culprit: FindingCulprit(
                    kind: .setting, id: "persistence mode", name: "persistence mode"),
                evidence: [
                    Evidence(
                        name: "GPUs without persistence mode", value: Double(off.count), unit: "",
                        threshold: 1, source: "nvmlDeviceGetPersistenceMode")
                ],
                fix: Fix(
                    commands: ["systemctl start nvidia-persistenced"],
                    persist: ["systemctl enable nvidia-persistenced"],
                    rollback: ["systemctl disable --now nvidia-persistenced"],
                    risk: "GPUs at rest draw a little more power; resets need the daemon stopped."),
                verify: "`nvidia-smi --query-gpu=pci.bus_id,persistence_mode --format=csv`")
        ]
    }

    package static let gpuDriverMismatch = Rule(
        id: "gpu-driver-mismatch", cause: .configuration, ceiling: .info,
        title: "The NVIDIA driver was updated, and the old one still runs",
        explanation: Explanation(
            what: """
                The driver has a part in the kernel and libraries for programs. An update replaced \
                the files; the kernel still runs the old part. They do not speak to each other.
                """,
            why: """
                Programs that run go on. Every new one that wants a GPU fails, a restart of the \
                job too, and nobody can read the GPUs' state: Stoker neither.
                """,
            seen: "NVML answers with error 18 (driver/library version mismatch).",
            fix: """
                A reboot, or with all jobs stopped: unloading the driver's modules and loading \
                the new ones.
                """,
            avoid: "Not while a job runs that may go on to its end: it is not harmed.",
            verify: "nvidia-smi lists the GPUs.",
            sources: [
                "NVML: NVML_ERROR_LIB_RM_VERSION_MISMATCH",
                "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide",
            ])
    ) { observation throws(Unavailable) in
        // Where nothing could be asked there was no answer of that kind.
        guard let library = observation.optional(GPUs.self)?.library, library.isMismatch else {
            return []
        }
        return [
            Finding(
                rule: "gpu-driver-mismatch", cause: .configuration, severity: .info,
                confidence: .configuration,
                summary: library.reason,
                culprit: FindingCulprit(kind: .setting, id: "nvidia", name: "NVIDIA driver"),
                evidence: [
                    Evidence(name: "NVML's answer", value: 18, unit: "", source: "nvmlInit_v2")
                ],
                fix: Fix(
                    commands: ["cat /proc/driver/nvidia/version", "modinfo -F version nvidia"],
                    persist: ["systemctl reboot"],
                    risk: "A reboot ends every job on this host.", needsReboot: true),
                verify: "`nvidia-smi -L` lists the GPUs")
        ]
    }
}
