import Host
import Signals
import Training

extension Observation {
    /// Sends one interrupt away from `busy`, or the threads away from it.
    func interruptFix(
        _ line: InterruptLine, _ busy: CPUList, _ hit: [ThreadActivity], _ threads: Threads
    ) -> Fix {
        let bound = Array(hit.filter { isCritical($0) }.prefix(8))
        let binding = binding(bound, to: away(from: busy, in: threads))
        guard let irq = line.irq else { return tickFix(line) }
        let facts = facts.interrupts.first { $0.irq == irq }
        guard facts?.isManaged != true else {
            return Fix(
                commands: binding.to.or("# run what uses this device on other CPUs"),
                rollback: binding.back,
                risk: """
                    The kernel spreads this interrupt itself (managed) and refuses to move it. \
                    Run what submits the work (loaders, checkpoints) on other CPUs, or boot with \
                    isolcpus=managed_irq. A bound thread cannot leave its CPUs when they are busy.
                    """)
        }
        let target = target(for: facts, busy, threads)
        guard !target.isEmpty else {
            return Fix(
                commands: binding.to.or("# run launch threads on fewer CPUs than all"),
                rollback: binding.back,
                risk: "Launch threads use all CPUs: bind them to fewer, away from this interrupt.")
        }
        return move(irq, to: target, from: facts?.affinity, training: busy, binding.to)
    }

    private func move(
        _ irq: Int, to target: CPUList, from old: CPUList?, training: CPUList, _ other: [String]
    ) -> Fix {
        let path = "/proc/irq/\(irq)/smp_affinity_list"
        let drop = "/etc/tmpfiles.d/stoker-irq-\(irq).conf"
        let banned = (facts.topology.split?.training ?? training).union(training)
        let before = (old ?? facts.topology.usable).description
        let isBalanced = manager("irqbalance") != nil
        let instead = other.isEmpty ? "" : " then bind the threads instead: " + other[0] + "."
        return Fix(
            commands: ["echo \(target.description) > \(path)"],
            persist: isBalanced
                ? [
                    "echo IRQBALANCE_BANNED_CPULIST=\(banned.description) "
                        + ">> /etc/default/irqbalance"
                ]
                : ["echo 'w \(path) - - - - \(target.description)' > \(drop)"],
            rollback: [
                "echo \(before) > \(path)",
                isBalanced
                    ? "sed -i /^IRQBALANCE_BANNED_CPULIST=/d /etc/default/irqbalance"
                    : "rm -f \(drop)",
            ],
            risk: """
                The device's work shares CPUs \(target.description). Some virtual devices refuse \
                the write;\(instead.isEmpty ? " that does no harm." : instead)\
                \(isBalanced ? " irqbalance moves it back unless the CPUs are banned in its "
                    + "configuration (/etc/sysconfig/irqbalance on RHEL); restart it then." : "")
                """,
            managedBy: manager("irqbalance"))
    }

    /// Housekeeping CPUs, on the device's node where there are any, and none that training uses.
    private func target(
        for irq: InterruptFacts?, _ busy: CPUList, _ threads: Threads
    ) -> CPUList {
        let used = busy.union(criticalCPUs(threads))
        let kept = facts.topology.split?.housekeeping ?? facts.topology.usable
        let free = kept.subtracting(used)
        let node = irq?.node ?? busy.cpus.first.flatMap { facts.topology.cpu($0)?.node }
        let cpus = facts.topology.nodes.first { $0.id == node }?.cpus ?? CPUList([])
        let local = free.intersection(cpus)
        guard local.isEmpty else { return local }
        return free.isEmpty ? facts.topology.usable.subtracting(used) : free
    }

    private func tickFix(_ line: InterruptLine) -> Fix {
        guard line.isTimer, let training = facts.topology.split?.training,
            facts.topology.nohzFull.isEmpty
        else {
            return Fix(
                commands: ["# nothing to set: find what causes this interrupt"],
                risk: "This interrupt belongs to its CPU and has no setting; find who causes it.")
        }
        return Fix(
            commands: [Fix.atBoot],
            persist: ["add to the kernel command line: nohz_full=\(training.description)"],
            rollback: ["remove nohz_full from the kernel command line"],
            risk: """
                Without the tick, each entry into the kernel costs more; it helps only where one \
                thread has a CPU to itself.
                """, needsReboot: true)
    }
}
