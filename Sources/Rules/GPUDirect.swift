import Fabric
import Host
import Signals
import Training

/// Hands memory of devices on to other devices: DMA-BUF for RDMA.
private let bufferKernel = KernelVersion(major: 5, minor: 12)
private let nvidia = 0x10de

extension Rule {
    package static let gpuDirectModule = Rule(
        id: "gdr-module-missing", cause: .configuration, ceiling: .info,
        title: "Adapters cannot reach the GPUs' memory",
        explanation: Explanation(
            what: """
                An adapter can read and write a GPU's memory by itself (GPUDirect RDMA). Either \
                the module nvidia_peermem or the open NVIDIA driver with DMA-BUF makes it possible.
                """,
            why: """
                Without, everything between hosts is copied to the memory of the host and back, \
                by a thread that needs a CPU in time.
                """,
            seen: """
                A job on NVIDIA GPUs, an active Mellanox port, no module nvidia_peermem, and no \
                open driver on a kernel of 5.12 or later.
                """,
            fix: "Loads the module.",
            avoid: """
                NVIDIA recommends DMA-BUF today: an open driver of 515 or later needs no module. \
                The module must be built against the RDMA drivers in use.
                """,
            verify: "NCCL_DEBUG=INFO shows GDRDMA in its channels.",
            sources: [
                "https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/gpu-operator-rdma.html",
                "https://docs.nvidia.com/cuda/gpudirect-rdma",
            ])
    ) { observation throws(Unavailable) in
        let ports = try observation.fabricPorts()
            .filter { $0.facts.isActive && $0.facts.driver?.hasPrefix("mlx5") == true }
        let gpus = observation.jobGPUs.filter { $0.vendor == nvidia }
        let facts = observation.facts
        let hasBuffers = facts.pcie.isNVIDIAOpen == true && facts.kernelVersion >= bufferKernel
        guard let port = ports.first, !gpus.isEmpty, !facts.pcie.hasPeerMemory, !hasBuffers else {
            return []
        }
        return [
            .advice(
                "gdr-module-missing",
                "\(port.facts.name) cannot reach the memory of GPUs: nvidia_peermem is not loaded",
                FindingCulprit(kind: .setting, id: "nvidia_peermem", name: "nvidia_peermem"),
                [
                    Evidence(
                        name: "GPUs of the job", value: Double(gpus.count), unit: "",
                        source: "/sys/module/nvidia_peermem")
                ],
                Fix(
                    commands: ["modprobe nvidia-peermem"],
                    persist: ["echo nvidia-peermem > /etc/modules-load.d/nvidia-peermem.conf"],
                    rollback: [
                        "rm /etc/modules-load.d/nvidia-peermem.conf", "modprobe -r nvidia-peermem",
                    ],
                    risk: "The job must start anew to use it."),
                verify: "`lsmod | grep nvidia_peermem`")
        ]
    }

    package static let fabricManager = Rule(
        id: "fabric-manager", cause: .configuration, ceiling: .info,
        title: "Nobody manages the NVSwitches",
        explanation: Explanation(
            what: """
                On hosts with NVSwitches a daemon, the fabric manager, sets the way between all \
                GPUs. It has to run, in the driver's own version.
                """,
            why:
                "Programs cannot start on the GPUs, or their GPUs do not reach each other by NVLink.",
            seen: "NVSwitches that the driver shows, and no process nv-fabricmanager.",
            fix: "Starts the daemon.",
            avoid: "In virtual machines that share the switches the host runs it.",
            verify: "systemctl status nvidia-fabricmanager; nvidia-smi -q shows Fabric: Completed.",
            sources: [
                "https://docs.nvidia.com/datacenter/tesla/fabric-manager-user-guide",
                "https://github.com/Azure/azhpc-images",
            ])
    ) { observation throws(Unavailable) in
        let facts = observation.facts
        guard facts.pcie.switches > 0, facts.isVirtualMachine != true,
            !facts.managers.running.contains("nv-fabricmanage")
        else { return [] }
        return [
            .advice(
                "fabric-manager",
                "\(facts.pcie.switches) NVSwitches, and no fabric manager runs",
                FindingCulprit(
                    kind: .setting, id: "nvidia-fabricmanager", name: "nvidia-fabricmanager"),
                [
                    Evidence(
                        name: "NVSwitches", value: Double(facts.pcie.switches), unit: "",
                        threshold: 1, source: "/proc/driver/nvidia-nvswitch/devices")
                ],
                Fix(
                    commands: ["systemctl start nvidia-fabricmanager"],
                    persist: ["systemctl enable nvidia-fabricmanager"],
                    rollback: ["systemctl disable --now nvidia-fabricmanager"],
                    risk: "Its version must be that of the driver, or it does not start."),
                verify: "`systemctl is-active nvidia-fabricmanager`")
        ]
    }
}
