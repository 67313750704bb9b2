import Host
import Rules
import Signals
import Testing
import Training

@Suite struct LoadersAcrossNodesTests {
    private func observation(away: UInt64, home: UInt64 = .ms(501)) -> Observation {
        var seen = Placed.observation(
            [
                Placed.thread(on: [0: .ms(7_001)]),
                Placed.thread(733, pid: 733, on: [0: home, 1: away]),
            ], roles: [701: .launch, 733: .loader])
        var loader = ProcessFacts(pid: 733, parent: 701, name: "python")
        loader.allowed = CPUList(0..<8)
        seen.job.processes.append(loader)
        return seen
    }

    @Test func firesFromHalfOfTheirTime() throws {
        let rule = Rule.loadersAcrossNodes
        #expect(try rule.check(observation(away: .ms(500))).isEmpty)
        let finding = try #require(try rule.check(observation(away: .ms(501))).first)
        #expect(finding.severity == .info)
        #expect(finding.summary.contains("process 733 (python) on node 1, rank 701 on node 0"))
        #expect(finding.fix.commands == ["taskset -apc 0-3 733"])
        #expect(finding.fix.rollback == ["taskset -apc 0-7 733"])
    }

    @Test func loadersThatHardlyRunAreSilent() throws {
        let rule = Rule.loadersAcrossNodes
        #expect(try rule.check(observation(away: .ms(998), home: .ms(1))).isEmpty)
        #expect(try rule.check(observation(away: .ms(999), home: .ms(1))).count == 1)
    }

    @Test func strangersAreNobodysLoaders() throws {
        var seen = observation(away: .ms(901))
        seen.job.processes[1].parent = 1
        #expect(try Rule.loadersAcrossNodes.check(seen).isEmpty)
    }
}

@Suite struct DeviceRulesTests {
    private func device(_ kind: DeviceFacts.Kind, node: Int?) -> DeviceFacts {
        var device = DeviceFacts(kind: kind, address: "0000:1b:00.0")
        device.names = ["eth0"]
        device.node = node
        device.interrupts = [41, 42]
        return device
    }

    /// Two vectors, which fired `first` times on CPU 1 and `second` times on CPU 5.
    private func observation(
        _ kind: DeviceFacts.Kind = .network, node: Int? = 1, first: UInt64 = 0, second: UInt64 = 0
    ) -> Observation {
        var facts = Scheduling.eightCPUs()
        facts.devices = [device(kind, node: node)]
        facts.interrupts = [41, 42].map {
            var irq = InterruptFacts(irq: $0, name: "eth0-\($0)")
            irq.affinity = CPUList([$0 == 41 ? 1 : 5])
            irq.device = "0000:1b:00.0"
            return irq
        }
        return Placed.observation(
            [Placed.thread(on: [0: .ms(7_001)])], facts: facts,
            lines: [
                InterruptLine(
                    label: "41", irq: 41, name: "eth0-41", counts: Scheduling.at(1, first)),
                InterruptLine(
                    label: "42", irq: 42, name: "eth0-42", counts: Scheduling.at(5, second)),
            ])
    }

    @Test func interruptsOfANicCountFromAFifthElsewhere() throws {
        let rule = Rule.nicIRQLocalNode
        #expect(try rule.check(observation(first: 1_999, second: 8_001)).isEmpty)
        let finding = try #require(try rule.check(observation(first: 2_000, second: 8_000)).first)
        #expect(finding.severity == .info)
        #expect(
            finding.summary
                == "20.0 % of the interrupts of eth0 (0000:1b:00.0), which is on node 1, are "
                + "handled on node 0")
        #expect(finding.fix.commands == ["echo 4-5 > /proc/irq/41/smp_affinity_list"])
        #expect(finding.fix.rollback.first == "echo 1 > /proc/irq/41/smp_affinity_list")
    }

    @Test func aQuietNicIsSilent() throws {
        let rule = Rule.nicIRQLocalNode
        #expect(try rule.check(observation(first: 9_999)).isEmpty)
        #expect(try rule.check(observation(first: 10_000)).count == 1)
        #expect(try rule.check(observation(node: nil, first: 90_001)).isEmpty)
        #expect(try rule.check(observation(.drive, first: 90_001)).isEmpty)
    }

    @Test func vectorsAreSpreadAndManagedOnesLeftAlone() throws {
        var seen = observation(node: 1, first: 90_001)
        seen.whole.change[Interrupts.self] = .success(
            Interrupts(
                lines: [41, 42].map { (irq: Int) in
                    InterruptLine(
                        label: "\(irq)", irq: irq, name: "eth0",
                        counts: Scheduling.at(1, 90_001))
                }))
        #expect(
            try Rule.nicIRQLocalNode.check(seen).first?.fix.commands == [
                "echo 4 > /proc/irq/41/smp_affinity_list",
                "echo 5 > /proc/irq/42/smp_affinity_list",
            ])
        seen.facts.interrupts[0].isManaged = true
        #expect(
            try Rule.nicIRQLocalNode.check(seen).first?.fix.commands == [
                "echo 4-5 > /proc/irq/42/smp_affinity_list"
            ])
    }

    @Test func aBusyDeviceOnANodeWithoutRanksIsNamed() throws {
        let rule = Rule.deviceFarFromJob
        #expect(try rule.check(observation(.drive, first: 9_999)).isEmpty)
        let finding = try #require(try rule.check(observation(.drive, first: 10_000)).first)
        #expect(finding.severity == .info)
        #expect(finding.summary == "eth0 (0000:1b:00.0) is on node 1, and all ranks run on node 0")
        #expect(try rule.check(observation(.drive, node: 0, first: 90_001)).isEmpty)
        #expect(try rule.check(observation(.drive, node: nil, first: 90_001)).isEmpty)
    }

    @Test func anUnknownNodeIsSaidOnHostsOfSeveral() throws {
        let rule = Rule.numaNodeUnknown
        let seen = observation(.gpu, node: nil)
        #expect(try rule.check(seen).first?.severity == .info)
        #expect(try rule.check(seen).first?.fix.commands.allSatisfy { $0.hasPrefix("#") } == true)
        #expect(try rule.check(observation(.gpu, node: 0)).isEmpty)
        #expect(try rule.check(observation(.network, node: nil)).isEmpty)
        var small = seen
        small.facts.topology.nodes = [small.facts.topology.nodes[0]]
        #expect(try rule.check(small).isEmpty)
    }

    @Test func managedInterruptsCountFromOnePercent() throws {
        func findings(_ time: UInt64, managed: Bool = true) throws -> [Finding] {
            var seen = observation(.drive)
            seen.facts.interrupts[0].isManaged = managed
            seen.whole.change[Interrupts.self] = .success(
                Interrupts(lines: [
                    InterruptLine(
                        label: "41", irq: 41, name: "nvme0q2", nanoseconds: Scheduling.at(1, time))
                ]))
            return try Rule.nvmeManagedIRQ.check(seen)
        }
        #expect(try findings(.ms(100) - 1).isEmpty)
        #expect(try findings(.ms(100), managed: false).isEmpty)
        let finding = try #require(try findings(.ms(100)).first)
        #expect(finding.severity == .info && finding.culprit?.name == "nvme0q2")
        #expect(finding.fix.commands.allSatisfy { !$0.contains("smp_affinity") })
    }
}

/// The advice about interrupts on launch CPUs, for devices with many vectors.
@Suite struct DeviceVectorsTests {
    private func observation(
        managed: Set<Int> = [], node: Int? = 1, launch: Int = 5
    ) -> Observation {
        var facts = Scheduling.eightCPUs()
        var device = DeviceFacts(kind: .network, address: "0000:1b:00.0")
        device.node = node
        facts.devices = [device]
        facts.interrupts = (41...44).map {
            var irq = InterruptFacts(irq: $0, name: "eth0-\($0)")
            irq.affinity = CPUList([launch])
            irq.device = $0 < 44 ? device.address : "0000:99:00.0"
            irq.node = 0  // wrong, as some vectors are
            irq.isManaged = managed.contains($0)
            return irq
        }
        return Scheduling.observation(
            facts, threads: [Scheduling.thread(701, cpu: launch, [.running: .ms(2_003)])],
            lines: (41...44).map {
                InterruptLine(
                    label: "\($0)", irq: $0, name: "eth0-\($0)",
                    counts: Scheduling.at(launch, 7_001),
                    nanoseconds: Scheduling.at(launch, $0 == 42 ? .ms(301) : .ms(101)))
            })
    }

    private func commands(_ observation: Observation) throws -> [String]? {
        try Rule.irqOnTrainingCores.check(observation).first?.fix.commands
    }

    @Test func allVectorsOfTheDeviceGoToItsOwnNode() throws {
        // CPU 4 is node 1's housekeeping CPU that no launch thread uses.
        #expect(
            try commands(observation())
                == [41, 42, 43].map { "echo 4 > /proc/irq/\($0)/smp_affinity_list" })
    }

    @Test func theyAreSpreadOverHousekeepingCPUs() throws {
        #expect(
            try commands(observation(launch: 6)) == [
                "echo 4 > /proc/irq/41/smp_affinity_list",
                "echo 5 > /proc/irq/42/smp_affinity_list",
                "echo 4 > /proc/irq/43/smp_affinity_list",
            ])
    }

    @Test func managedOnesAreSkippedAndSaid() throws {
        let fix = try #require(
            try Rule.irqOnTrainingCores.check(observation(managed: [41])).first?.fix)
        #expect(fix.commands == [42, 43].map { "echo 4 > /proc/irq/\($0)/smp_affinity_list" })
        #expect(fix.risk.contains("The kernel manages IRQs 41 of this device"))
        let all = try commands(observation(managed: [41, 42, 43]))
        #expect(all?.allSatisfy { $0.hasPrefix("taskset") } == true)
    }

    @Test func vectorsThatFireElsewhereStay() throws {
        var seen = observation()
        var lines = try seen.whole(Interrupts.self).lines
        lines[0].counts = PerCPU(Scheduling.at(7, 7_001))
        lines[0].nanoseconds = PerCPU(Scheduling.at(7, .ms(101)))
        seen.whole.change[Interrupts.self] = .success(Interrupts(lines: lines))
        #expect(
            try commands(seen)
                == [42, 43].map { "echo 4 > /proc/irq/\($0)/smp_affinity_list" })
    }
}
