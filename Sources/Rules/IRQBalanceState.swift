import Host
import Signals
import Training

private let oneCPU = Limit(0.8, "share of interrupts", source: "judgement")
private let leastRate = Limit(1_000, "interrupts/s", source: "judgement")

extension Rule {
    package static let irqbalanceState = Rule(
        id: "irqbalance-state", cause: .irqLoad, ceiling: .info,
        title: "One CPU takes nearly all device interrupts",
        explanation: Explanation(
            what: """
                irqbalance is a daemon that spreads device interrupts over CPUs. Without it many \
                drivers leave theirs on the first CPU.
                """,
            why: """
                That CPU becomes slow for whatever runs there, and the devices can be no faster \
                than it is.
                """,
            seen: "/proc/interrupts counts each device interrupt by CPU; irqbalance does not run.",
            fix: "Starts irqbalance, with training CPUs banned where the host can spare others.",
            avoid: """
                Some cloud images leave it off on purpose and set each interrupt by hand; then \
                correct that instead. Two who set affinities undo each other.
                """,
            verify: "the counts of /proc/interrupts grow on several CPUs.",
            sources: ["irqbalance(1)", "Documentation/core-api/irq/irq-affinity.rst"]),
        check: { observation throws(Unavailable) in try observation.unbalancedInterrupts() })
}

extension Observation {
    fileprivate func unbalancedInterrupts() throws(Unavailable) -> [Finding] {
        let lines = try whole(Interrupts.self).lines.filter { $0.irq != nil }
        guard facts.topology.usable.count >= 4, manager("irqbalance") == nil else { return [] }
        var byCPU: [Int: UInt64] = [:]
        for line in lines {
            for cpu in line.counts.used { byCPU[cpu, default: 0] &+= line.counts[cpu] }
        }
        let total = byCPU.values.reduce(0, &+)
        guard let top = byCPU.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), total > 0
        else { return [] }
        let share = Double(top.value) / Double(total)
        guard leastRate.isReached(by: whole.perSecond(total)), oneCPU.isReached(by: share)
        else { return [] }
        return [
            Finding(
                rule: "irqbalance-state", cause: .irqLoad, severity: .info,
                confidence: .configuration,
                summary: """
                    CPU \(top.key) takes \(SchedulingText.percent(share)) of the device \
                    interrupts and irqbalance does not run
                    """,
                culprit: FindingCulprit(kind: .setting, id: "irqbalance", name: "irqbalance"),
                evidence: [
                    oneCPU.evidence("interrupts on CPU \(top.key)", share),
                    leastRate.evidence("device interrupts", whole.perSecond(total)),
                ],
                fix: balancing,
                verify: "the counts of /proc/interrupts grow on several CPUs")
        ]
    }

    private var balancing: Fix {
        let file = "/etc/default/irqbalance"
        let banned = facts.topology.split?.training.description
        let ban = banned.map { ["echo IRQBALANCE_BANNED_CPULIST=\($0) >> \(file)"] } ?? []
        return Fix(
            commands: ban + ["systemctl enable --now irqbalance"],
            rollback: ["systemctl disable --now irqbalance"]
                + ban.map { _ in "sed -i /^IRQBALANCE_BANNED_CPULIST=/d \(file)" },
            risk: """
                irqbalance overwrites affinities that were set by hand. On RHEL the file is \
                /etc/sysconfig/irqbalance.
                """)
    }
}
