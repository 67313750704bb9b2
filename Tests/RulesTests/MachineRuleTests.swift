import Host
import Machines
import Rules
import Signals
import Testing
import Training

/// Every rule on every described machine.
@Suite struct MachineRuleTests {
    @Test(arguments: Machine.all)
    func onlyTroubleIsReportedAndAdviceFitsTheMachine(machine: Machine) throws {
        let tree = Tree()
        try machine.write(to: tree)
        let recording = try Recording(of: machine, in: tree, for: 5)
        expectQuiet(recording.observation(), machine)
        try expectLocalInterrupts(
            recording.observation { machine.addInterruptLoad(&$0, $1) }, machine)
        expectFittingAdvice(
            recording.observation { totals, seconds in
                machine.addInterruptLoad(&totals, seconds)
                machine.addForeignWork(&totals, seconds)
                machine.addMigrations(&totals, seconds)
            }, machine)
    }

    private func expectQuiet(_ observation: Observation, _ machine: Machine) {
        for rule in catalogue {
            guard case .success(let found) = rule.findings(in: observation) else { continue }
            #expect(found.allSatisfy { $0.severity < .warning }, "\(found.map(\.summary))")
        }
        #expect(diagnose(catalogue, observation).verdict == .healthy)
        #expect(observation.job.roles.values.count { $0 == .launch } == machine.ranks.count)
    }

    private func expectFittingAdvice(_ observation: Observation, _ machine: Machine) {
        let found = catalogue.flatMap { (try? $0.findings(in: observation).get()) ?? [] }
        let hasPartitions =
            observation.facts.kernelVersion >= KernelVersion(major: 6, minor: 1)
        let expected: Set = [
            "irq-on-training-cores", "noisy-neighbour", "kthread-noise", "llc-migration",
            hasPartitions ? "cpuset-isolated-partition" : "isolcpus-nohz-full",
        ]
        #expect(expected.subtracting(found.map(\.rule)) == [])
        for finding in found {
            let fix = finding.fix
            // The kernel's own masks hold every CPU that may ever come: they are put back as found.
            let back = AdvisedCPUs.lists(in: fix.rollback).filter { $0.target != "cpumask" }
            for list in AdvisedCPUs.lists(in: fix.commands + fix.persist) + back {
                let missing = list.cpus.subtracting(CPUList(machine.online))
                #expect(!list.cpus.isEmpty && missing.isEmpty, "\(finding.rule): \(list)")
                if list.isTraining { expectWholeCores(list.cpus, machine) }
            }
        }
    }

    /// Hardware threads stay together, and each node with CPUs keeps a whole core for the system.
    private func expectWholeCores(_ training: CPUList, _ machine: Machine) {
        let kept = Set(machine.online).subtracting(training.cpus)
        for core in machine.cores {
            let running = core.cpus.filter { !machine.offline.contains($0) }
            let inside = running.filter { training.contains($0) }
            #expect(inside.isEmpty || inside == running, "\(machine.name): core \(core.cpus)")
        }
        for node in machine.nodes.indices where !machine.cpus(of: node).isEmpty {
            let whole = machine.cores.contains { core in
                let running = core.cpus.filter { !machine.offline.contains($0) }
                return core.node == node && !running.isEmpty && kept.isSuperset(of: running)
            }
            #expect(whole, "\(machine.name): node \(node)")
        }
    }

    private func expectLocalInterrupts(_ observation: Observation, _ machine: Machine) throws {
        let finding = try #require(try Rule.irqOnTrainingCores.check(observation).first)
        let irq = try #require(machine.interrupts.last { !$0.isManaged })
        #expect(finding.culprit?.id == "\(irq.irq)")
        let launch = try #require(machine.launch)
        let target = try #require(
            AdvisedCPUs.lists(in: finding.fix.commands).first { $0.target == "smp_affinity_list" })
        let device = machine.devices.first { $0.address == irq.device }
        let node = device?.node ?? machine.core(of: launch.cpu)?.node ?? 0
        #expect(Set(target.cpus.cpus).isSubset(of: machine.cpus(of: node)))
        #expect(!target.cpus.contains(launch.cpu))
    }
}

/// A list of CPUs that an advice names, and what it is written to.
struct AdvisedCPUs {
    var target: String
    var cpus: CPUList

    /// CPUs that are taken out of the system's hands.
    var isTraining: Bool {
        ["isolcpus", "nohz_full", "rcu_nocbs", "cpuset.cpus", "IRQBALANCE_BANNED_CPULIST"]
            .contains(target)
    }

    private static let variables = [
        "nohz_full", "rcu_nocbs", "irqaffinity", "AllowedCPUs", "IRQBALANCE_BANNED_CPULIST",
        "--cpuset-cpus",
    ]
    private static let files = ["smp_affinity_list", "cpuset.cpus"]

    static func lists(in lines: [String]) -> [AdvisedCPUs] { lines.flatMap(lists) }

    private static func lists(in line: String) -> [AdvisedCPUs] {
        let words = line.split { " '\"".contains($0) }.map(String.init)
        var found: [AdvisedCPUs] = []
        for (index, word) in words.enumerated() {
            let next = index + 1 < words.count ? words[index + 1] : ""
            if index > 0, words[index - 1] == "taskset", ["-c", "-pc", "-apc"].contains(word) {
                found.append(AdvisedCPUs(target: "taskset", cpus: list(next)))
            }
            if word == "echo", let path = words.last, words.count > index + 3 {
                let file = path.split(separator: "/").last.map(String.init) ?? ""
                if files.contains(file) {
                    found.append(AdvisedCPUs(target: file, cpus: list(next)))
                } else if file == "cpumask" {
                    found.append(
                        AdvisedCPUs(target: file, cpus: CPUList(mask: next) ?? CPUList([])))
                }
            }
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            if variables.contains(parts[0]) {
                found.append(AdvisedCPUs(target: parts[0], cpus: list(parts[1])))
            } else if parts[0] == "isolcpus" {
                let numbers = parts[1].split(separator: ",").filter { $0.first?.isNumber == true }
                found.append(
                    AdvisedCPUs(target: parts[0], cpus: list(numbers.joined(separator: ","))))
            }
        }
        return found
    }

    private static func list(_ text: String) -> CPUList { CPUList(parsing: text) ?? CPUList([]) }
}
