import Host
import Signals
import Training

extension Observation {
    /// Sends an interrupt, and the others of its device that fire there, away from `busy`, or the
    /// threads away from them.
    func interruptFix(
        _ line: InterruptLine, _ busy: CPUList, _ hit: [ThreadActivity], _ threads: Threads
    ) -> Fix {
        let bound = Array(hit.filter { isCritical($0) }.prefix(8))
        let binding = binding(bound, to: away(from: busy, in: threads))
        guard let irq = line.irq else { return tickFix(line) }
        let vectors = vectors(with: irq, on: busy)
        let movable = vectors.filter { isManaged($0) != true }
        guard !movable.isEmpty else {
            return Fix(
                commands: binding.to.or("# run what uses this device on other CPUs"),
                rollback: binding.back,
                risk: """
                    The kernel spreads this interrupt itself (managed) and refuses to move it. \
                    Run what submits the work (loaders, checkpoints) on other CPUs, or boot with \
                    isolcpus=managed_irq. A bound thread cannot leave its CPUs when they are busy.
                    """)
        }
        let target = target(for: irq, busy, threads)
        guard !target.isEmpty else {
            return Fix(
                commands: binding.to.or("# run launch threads on fewer CPUs than all"),
                rollback: binding.back,
                risk: "Launch threads use all CPUs: bind them to fewer, away from this interrupt.")
        }
        var fix = spread(movable, over: target, training: busy, binding.to)
        let managed = vectors.filter { !movable.contains($0) }
        if !managed.isEmpty {
            fix.risk += """
                 The kernel manages IRQs \(CPUList(managed).description) of this device itself \
                and refuses to move them: they are left out.
                """
        }
        return fix
    }

    /// Writes for each interrupt, one CPU after the other where there are several interrupts: a
    /// fast device needs more than one CPU.
    func spread(
        _ irqs: [Int], over target: CPUList, training: CPUList = CPUList([]),
        _ other: [String] = []
    ) -> Fix {
        let cpus = target.cpus
        var fix = Fix(commands: [], risk: "")
        let isBalanced = manager("irqbalance") != nil
        for (index, irq) in irqs.enumerated() where !cpus.isEmpty {
            let list = irqs.count > 1 ? "\(cpus[index % cpus.count])" : target.description
            let path = "/proc/irq/\(irq)/smp_affinity_list"
            let old = facts.interrupts.first { $0.irq == irq }?.affinity ?? facts.topology.usable
            fix.commands.append("echo \(list) > \(path)")
            fix.rollback.append("echo \(old.description) > \(path)")
            guard !isBalanced else { continue }
            let drop = "/etc/tmpfiles.d/stoker-irq-\(irq).conf"
            fix.persist.append("echo 'w \(path) - - - - \(list)' > \(drop)")
            fix.rollback.append("rm -f \(drop)")
        }
        fix.commands = fix.commands.or("# no interrupt of this device can be moved")
        if isBalanced { ban(training, in: &fix) }
        let instead = other.isEmpty ? "" : " then bind the threads instead: " + other[0] + "."
        fix.risk = """
            The device's work shares CPUs \(target.description). Some virtual devices refuse \
            the write;\(instead.isEmpty ? " that does no harm." : instead)\
            \(isBalanced ? " irqbalance moves it back unless the CPUs are banned in its "
                + "configuration (/etc/sysconfig/irqbalance on RHEL); restart it then." : "")
            """
        fix.managedBy = manager("irqbalance")
        return fix
    }

    private func ban(_ training: CPUList, in fix: inout Fix) {
        let banned = (facts.topology.split?.training ?? training).union(training)
        fix.persist.append(
            "echo IRQBALANCE_BANNED_CPULIST=\(banned.description) >> /etc/default/irqbalance")
        fix.rollback.append("sed -i /^IRQBALANCE_BANNED_CPULIST=/d /etc/default/irqbalance")
    }

    private func isManaged(_ irq: Int) -> Bool? {
        facts.interrupts.first { $0.irq == irq }?.isManaged
    }

    /// The interrupt, and those of the same device that fired on `busy`.
    private func vectors(with irq: Int, on busy: CPUList) -> [Int] {
        guard let device = facts.interrupts.first(where: { $0.irq == irq })?.device else {
            return [irq]
        }
        let own = Set(facts.interrupts.filter { $0.device == device }.map(\.irq))
        let lines = (try? whole(Interrupts.self))?.lines ?? []
        let firing = lines.filter { $0.time(on: busy) > 0 || $0.counts.total(on: busy) > 0 }
        return ([irq] + firing.compactMap(\.irq).filter { own.contains($0) && $0 != irq }).sorted()
    }

    /// The node of the interrupt's device. What /proc/irq says of a vector is wrong for some.
    private func node(of irq: Int) -> Int? {
        let interrupt = facts.interrupts.first { $0.irq == irq }
        let device = interrupt?.device.flatMap { address in
            facts.devices.first { $0.address == address }
        }
        return device == nil ? interrupt?.node : device?.node
    }

    /// Housekeeping CPUs, on the device's node where there are any, and none that training uses.
    private func target(for irq: Int, _ busy: CPUList, _ threads: Threads) -> CPUList {
        let used = busy.union(criticalCPUs(threads))
        let kept = facts.topology.split?.housekeeping ?? facts.topology.usable
        let free = kept.subtracting(used)
        let node = node(of: irq) ?? busy.cpus.first.flatMap { facts.topology.cpu($0)?.node }
        let cpus = facts.topology.nodes.first { $0.id == node }?.cpus ?? CPUList([])
        let near = facts.topology.usable.intersection(cpus).subtracting(used)
        let local = free.intersection(cpus)
        guard local.isEmpty else { return local }
        guard near.isEmpty else { return near }
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
