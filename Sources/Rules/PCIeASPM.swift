import Host
import Signals
import Training

extension Rule {
    package static let pcieASPM = Rule(
        id: "pcie-aspm", cause: .configuration, ceiling: .info,
        title: "Links of PCI Express go to sleep to save power",
        explanation: Explanation(
            what: """
                Active state power management (ASPM) puts a link to sleep between two transfers. \
                Waking it takes microseconds.
                """,
            why: """
                Each small transfer after a pause waits for it: doorbells of an adapter, commands \
                for a GPU or a drive.
                """,
            seen: """
                The kernel's policy powersave or powersupersave while a job computes on GPUs. What \
                it costs was not measured.
                """,
            fix: "Sets the policy to performance.",
            avoid: "Where power matters more than latency.",
            verify: "cat /sys/module/pcie_aspm/parameters/policy",
            sources: ["Documentation/admin-guide/kernel-parameters.txt (pcie_aspm.policy)"])
    ) { observation throws(Unavailable) in
        guard let policy = observation.facts.pcie.aspmPolicy else {
            throw Unavailable("the kernel shows no policy of PCI Express power management")
        }
        guard policy.hasPrefix("power"), !observation.jobGPUs.isEmpty else { return [] }
        let path = "/sys/module/pcie_aspm/parameters/policy"
        return [
            .advice(
                "pcie-aspm", "PCI Express links save power (\(policy)) while the job runs",
                FindingCulprit(kind: .setting, id: "pcie_aspm.policy", name: policy),
                [
                    Evidence(
                        name: "power saving of links", value: 1, unit: "", threshold: 1,
                        source: path)
                ],
                Fix(
                    commands: ["echo performance > \(path)"],
                    persist: ["add to the kernel command line: pcie_aspm.policy=performance"],
                    rollback: [
                        "echo \(policy == "powersave" ? policy : "powersupersave") > \(path)"
                    ],
                    risk: "Some watts more for each link at rest."),
                verify: "\(path) shows [performance]")
        ]
    }
}
