import Host
import Machines
import Rules
import Testing

/// A whole machine with faults planted outside of its software.
@Suite struct FaultyFabricTests {
    @Test func eachFaultIsFoundOnceAndNothingElse() throws {
        let machine = Machine.faultyFabric
        let tree = Tree()
        try machine.write(to: tree)
        let observation = try Recording(of: machine, in: tree, for: 5).observation()
        let diagnosis = diagnose(catalogue, observation)
        let grave = diagnosis.findings.filter { $0.severity >= .warning }
        let found = grave.map { "\($0.rule) \($0.culprit?.id ?? "")" }.sorted()
        let address = Dictionary(
            uniqueKeysWithValues: machine.adapters.map { ($0.names[1], $0.address) })
        let gpus = machine.devices.filter { $0.kind == .gpu }
        #expect(
            found
                == [
                    "ib-congestion \(address["mlx5_5"] ?? "")",
                    "ib-link-errors \(address["mlx5_10"] ?? "")",
                    "ib-rate-degraded \(address["mlx5_9"] ?? "")",
                    "pcie-errors-replay \(gpus[2].bridges[0])",
                    "pcie-link-degraded \(address["mlx5_4"] ?? "")",
                ])
        #expect(diagnosis.verdict == .notHost)
        #expect(grave.allSatisfy { $0.isOutsideHost })
        let interrupts = diagnosis.findings.filter { $0.rule == "nic-irq-local-node" }
        #expect(interrupts.map { $0.culprit?.id } == [machine.adapters[7].address])
    }
}
