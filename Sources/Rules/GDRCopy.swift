import Host
import Signals
import Training

extension Rule {
    package static let gdrcopyMissing = Rule(
        id: "gdrcopy-missing", cause: .configuration, ceiling: .info,
        title: "A rank loaded GDRCopy, and the driver that it needs is not there",
        explanation: Explanation(
            what: """
                GDRCopy lets a thread write to a GPU's memory by itself, without asking the GPU's \
                driver for a copy. UCX, NVSHMEM and NCCL may use it for small messages. Its \
                library, libgdrapi, needs the kernel module gdrdrv and the file /dev/gdrdrv.
                """,
            why: """
                Without, each small message to or from a GPU is a copy by the driver, which takes \
                longer. Large ones do not go that way. What it costs a job is not known.
                """,
            seen: """
                A rank that computes on a GPU has libgdrapi mapped, and there is no /dev/gdrdrv. \
                Whether the library would be used is not seen.
                """,
            fix: "Loads the module, and where that makes no file, starts the service that does.",
            avoid: """
                UCX loads the library wherever it is installed, and NCCL uses it only with \
                NCCL_GDRCOPY_ENABLE=1: a job of large messages gains nothing. A Stoker in a \
                container sees the /dev of the container.
                """,
            verify: "gdrcopy_sanity passes; /dev/gdrdrv is there, and in the job's container, too.",
            sources: [
                "https://github.com/NVIDIA/gdrcopy",
                "https://github.com/NVIDIA/gdrcopy/issues/234 (modprobe alone made no file)",
                "https://github.com/NVIDIA/nccl (src/init.cc, NCCL_GDRCOPY_ENABLE)",
            ])
    ) { observation throws(Unavailable) in
        let ranks = observation.job.processes.filter { $0.computesOnGPU && $0.hasGDRCopy }
        guard !ranks.isEmpty, !observation.facts.pcie.hasGDRCopyDevice else { return [] }
        var finding = Finding.advice(
            "gdrcopy-missing",
            "\(ranks.count) of the job's processes loaded GDRCopy, and there is no /dev/gdrdrv",
            FindingCulprit(kind: .setting, id: "gdrdrv", name: "gdrdrv"),
            [
                Evidence(
                    name: "processes that loaded libgdrapi", value: Double(ranks.count), unit: "",
                    source: "/proc/PID/maps")
            ],
            Fix(
                commands: [
                    "modprobe gdrdrv",
                    // Up to GDRCopy 2.5 the module makes no device file: its service does.
                    "test -e /dev/gdrdrv || systemctl restart gdrcopy",
                ],
                persist: [
                    "echo gdrdrv > /etc/modules-load.d/gdrdrv.conf",
                    "# where the service made the file: systemctl enable gdrcopy",
                ],
                rollback: [
                    "rm -f /etc/modules-load.d/gdrdrv.conf", "rmmod gdrdrv", "rm -f /dev/gdrdrv",
                ],
                risk: """
                    The module must have been built for this kernel and NVIDIA driver. The job \
                    must start anew to use it.
                    """),
            verify: "`gdrcopy_sanity`")
        finding.affected = ranks.map {
            Affected(pid: $0.pid, tid: $0.pid, role: observation.job.role($0.pid))
        }
        return [finding]
    }
}
