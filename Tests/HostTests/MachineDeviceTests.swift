import Host
import Machines
import Testing

/// Devices and caches of a described machine.
struct MachineDeviceTests {
    @Test(arguments: Machine.all)
    func everyDeviceReadsAsDescribed(machine: Machine) throws {
        let tree = Tree()
        try machine.write(to: tree)
        let facts = HostFacts.read(from: tree.host)
        #expect(facts.devices.map(\.address).sorted() == machine.devices.map(\.address).sorted())
        for described in machine.devices {
            let device = facts.devices.first { $0.address == described.address }
            #expect(device?.kind == described.kind)
            #expect(device?.driver == described.driver)
            #expect(device?.vendor == described.vendor)
            #expect(device?.device == described.device)
            #expect(device?.node == described.node)
            #expect(device?.bridges == described.bridges)
            let vectors = machine.interrupts.filter { $0.device == described.address }
            #expect(device?.interrupts == vectors.map(\.irq))
            if let node = described.node {
                #expect(device?.localCPUs?.cpus == machine.cpus(of: node))
            }
        }
        let raisers = facts.interrupts.map(\.device)
        #expect(raisers == machine.interrupts.map(\.device))
    }

    @Test func networkCardsAreKnownByInterfaceAndAdapter() throws {
        let tree = Tree()
        try Machine.withGaps.write(to: tree)
        let devices = HostFacts.read(from: tree.host).devices
        let fabric = devices.filter { $0.kind == .fabric }
        #expect(fabric.map { Set($0.names) } == [["ibp35s0", "mlx5_0"], ["ibp99s0", "mlx5_1"]])
        let drive = devices.first { $0.kind == .drive }
        #expect(drive?.names.contains("nvme0n1") == true)
    }

    @Test(arguments: Machine.all)
    func eachCacheIsThereOnce(machine: Machine) throws {
        let tree = Tree()
        try machine.write(to: tree)
        let caches = HostFacts.read(from: tree.host).topology.caches
        let cores = machine.cores.filter { core in
            core.cpus.contains { !machine.offline.contains($0) }
        }
        #expect(caches.count == cores.count * 3 + Set(cores.map(\.cache)).count)
        let last = caches.filter { $0.level == 3 }
        #expect(
            Set(last.map(\.cpus.cpus)) == Set(cores.map { machine.cpus(sharing: $0.cache) }))
        #expect(last.allSatisfy { $0.sizeBytes == machine.caches.third << 10 })
        let data = caches.filter { $0.type == "Data" }
        #expect(data.allSatisfy { $0.level == 1 && $0.sizeBytes == machine.caches.data << 10 })
    }
}
