import Host
import Signals
import Training

private let remoteShare = Limit(
    0.2, "share of interrupts", source: "judgement: as mlnx-tools, which wants none")
private let leastRate = Limit(1_000, "interrupts/s", source: "judgement: fewer cost nothing")
private let driveShare = Limit(0.01, "share of the CPU", source: "judgement")

extension Rule {
    package static let nicIRQLocalNode = Rule(
        id: "nic-irq-local-node", cause: .irqLoad, ceiling: .info,
        title: "A network card interrupts CPUs of another memory node",
        explanation: Explanation(
            what: """
                A fast network card has many interrupts (IRQs), each of which goes to CPUs of its \
                own choosing. The card itself hangs on one processor.
                """,
            why: """
                The handler reads what the card wrote into the memory of its own node: from \
                another node that is slow. For RDMA it matters little, because completions are \
                polled; for sockets and storage it does.
                """,
            seen: """
                The counts of /proc/interrupts by CPU, for devices whose node is known: at least \
                1,000 a second, and 20 % of them on other nodes. What it costs is not measured.
                """,
            fix: "Spreads these interrupts over housekeeping CPUs of the card's own node.",
            avoid: """
                Not all on one CPU: a fast card needs several. irqbalance undoes it unless it is \
                told not to touch them.
                """,
            verify: "the counts in /proc/interrupts grow on CPUs of the card's node.",
            sources: [
                "https://github.com/Mellanox/mlnx-tools (set_irq_affinity_bynode.sh)",
                "Documentation/networking/scaling.rst",
                "Documentation/core-api/irq/irq-affinity.rst",
            ]),
        check: { observation throws(Unavailable) in
            guard observation.facts.topology.hasNodes else { return [] }
            let lines = DeviceLines(try observation.whole(Interrupts.self).lines)
            return observation.facts.devices.compactMap { observation.remoteLines(of: $0, lines) }
        })

    package static let nvmeManagedIRQ = Rule(
        id: "nvme-managed-irq", cause: .irqLoad, ceiling: .info,
        title: "A drive interrupts training CPUs, and its interrupts cannot be moved",
        explanation: Explanation(
            what: """
                NVMe drives have a queue for each CPU, and each queue's interrupt goes to the CPU \
                that sent the request. The kernel manages these interrupts and refuses to move \
                them.
                """,
            why: "A CPU that sends requests is interrupted by their completion.",
            seen: """
                Time in the handlers of such interrupts on CPUs of launch and communication \
                threads, at least 1 % of a CPU.
                """,
            fix: """
                Sends the requests from elsewhere: binds loaders and checkpoint writers to \
                housekeeping CPUs. At boot, isolcpus=managed_irq keeps these interrupts off the \
                training CPUs as far as possible.
                """,
            avoid: "Writing smp_affinity_list: the kernel answers with an I/O error.",
            verify: "/proc/interrupts: the drive's lines no longer grow on training CPUs.",
            sources: [
                "Documentation/admin-guide/kernel-parameters.txt (isolcpus=managed_irq)",
                "Documentation/core-api/irq/irq-affinity.rst",
            ]),
        check: { observation throws(Unavailable) in
            try observation.managedDrives()
        })
}

extension Observation {
    fileprivate func remoteLines(of device: DeviceFacts, _ lines: DeviceLines) -> Finding? {
        guard device.kind == .network || device.kind == .fabric, let node = device.node else {
            return nil
        }
        let local = facts.topology.cpus(of: node)
        let own = lines.of(device)
        let all = own.reduce(UInt64(0)) { $0 &+ $1.counts.total }
        let elsewhere = facts.topology.usable.subtracting(local)
        let far = own.filter { $0.counts.total(on: elsewhere) > 0 }
        let remote = far.reduce(UInt64(0)) { $0 &+ $1.counts.total(on: elsewhere) }
        let share = all > 0 ? Double(remote) / Double(all) : 0
        guard !local.isEmpty, leastRate.isReached(by: whole.perSecond(all)),
            remoteShare.isReached(by: share)
        else { return nil }
        let kept = local.intersection(facts.topology.split?.housekeeping ?? local)
        let managed = facts.interrupts.filter { $0.isManaged == true }.map(\.irq)
        let movable = far.compactMap(\.irq).filter { !managed.contains($0) }
        let fix = spread(movable, over: kept.isEmpty ? local : kept)
        let nodes = facts.topology.nodes(
            of: CPUList(elsewhere.cpus.filter { cpu in far.contains { $0.count(on: cpu) > 0 } }))
        return Finding(
            rule: "nic-irq-local-node", cause: .irqLoad, severity: .info,
            confidence: .configuration,
            summary: """
                \(SchedulingText.percent(share)) of the interrupts of \(device.label), which is on \
                node \(node), are handled on \(PlacementText.nodes(nodes))
                """,
            culprit: FindingCulprit(kind: .device, id: device.address, name: device.label),
            evidence: [
                remoteShare.evidence("interrupts handled on other nodes", share),
                leastRate.evidence("interrupts of the device", whole.perSecond(all)),
            ],
            fix: fix,
            verify: "the counts in /proc/interrupts grow on CPUs \(local.description)")
    }

    fileprivate func managedDrives() throws(Unavailable) -> [Finding] {
        let threads = try probedThreads()
        let critical = criticalCPUs(threads)
        let managed = Set(facts.interrupts.filter { $0.isManaged == true }.map(\.irq))
        let lines = try whole(Interrupts.self).lines.filter { line in
            line.irq.map(managed.contains) ?? false
        }
        let times = InterruptTimes(lines)
        let load = { (cpu: Int) in self.whole.perSecond(times.on(cpu)) / 1e9 }
        let hit = CPUList(critical.cpus.filter { driveShare.isReached(by: load($0)) })
        guard !hit.isEmpty, let top = lines.max(by: { $0.time(on: hit) < $1.time(on: hit) })
        else { return [] }
        let kept = facts.topology.split?.housekeeping ?? facts.topology.usable.subtracting(hit)
        let writers = threads.threads.filter {
            [.loader, .checkpoint].contains(job.role($0.tid)) && $0.pid > 0
        }
        let pids = Set(writers.map(\.pid)).sorted().prefix(Placement.mostCommands)
        let moved = kept.isEmpty ? [] : pids.map { "taskset -apc \(kept.description) \($0)" }
        return [
            Finding(
                rule: "nvme-managed-irq", cause: .irqLoad, severity: .info,
                confidence: .associated,
                summary: """
                    interrupts that the kernel does not let be moved, most of all \(top.label) \
                    (\(top.name)), take \
                    \(SchedulingText.percent(hit.cpus.map(load).max() ?? 0)) of a CPU of launch \
                    threads
                    """,
                culprit: FindingCulprit(kind: .irq, id: top.label, name: top.name),
                affected: index(threads).critical.filter { hit.contains($0.cpu) }
                    .map { affected($0) },
                evidence: [
                    driveShare.evidence(
                        "managed interrupts on a launch CPU", hit.cpus.map(load).max() ?? 0)
                ],
                fix: Fix(
                    commands: moved.or(
                        "# run what reads and writes the drive on CPUs \(kept.description)"),
                    persist: [
                        "add to the kernel command line: isolcpus=managed_irq,\(critical.description)"
                    ],
                    rollback: kept.isEmpty
                        ? []
                        : pids.map {
                            let old = job.process($0)?.allowed ?? facts.topology.usable
                            return "taskset -apc \(old.description) \($0)"
                        },
                    risk: """
                        Loaders and checkpoint writers share CPUs \(kept.description). The boot \
                        parameter cannot be undone without a reboot.
                        """),
                verify: "/proc/interrupts: line \(top.label) stops on CPUs \(hit.description)")
        ]
    }
}

extension InterruptLine {
    fileprivate func count(on cpu: Int) -> UInt64 { cpu < counts.count ? counts[cpu] : 0 }
}
