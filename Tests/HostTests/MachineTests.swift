import Host
import Machines
import Testing

/// What is read of a described machine is what its description says.
struct MachineTests {
    private func facts(_ machine: Machine) throws -> HostFacts {
        let tree = Tree()
        try machine.write(to: tree)
        return HostFacts.read(from: tree.host)
    }

    @Test(arguments: Machine.all)
    func everyMachineReadsAsDescribed(machine: Machine) throws {
        let facts = try facts(machine)
        expectCPUs(facts.topology, machine)
        expectNodes(facts.topology, machine)
        expectInterrupts(facts.interrupts, machine)
        expectDisks(facts.disks, machine)
        #expect(facts.hugepages == machine.hugepages)
        #expect(facts.hostname == machine.name)
        #expect(facts.kernel == machine.kernel)
        #expect(facts.isVirtualMachine == machine.isVirtual)
        #expect(facts.memoryTotalBytes == machine.nodes.reduce(0) { $0 + $1.memoryBytes })
        #expect(facts.settings.thpEnabled == machine.thpEnabled)
        #expect(facts.settings.clocksource == machine.clocksource)
        #expect(machine.sysctls.allSatisfy { facts.settings.sysctl[$0] == $1 })
        #expect(facts.managers.running == machine.daemons.sorted())
        #expect(facts.managers.hasSystemd)
        #expect(facts.cgroups.unified == "/sys/fs/cgroup")
        expectPower(facts.power, machine)
    }

    private func expectCPUs(_ topology: Topology, _ machine: Machine) {
        #expect(topology.cpus.map(\.id) == machine.cpus)
        #expect(topology.online.cpus == machine.online)
        #expect(topology.isolated.isEmpty && topology.nohzFull.isEmpty)
        for core in machine.cores {
            let siblings = core.cpus.filter { !machine.offline.contains($0) }
            for id in core.cpus {
                let cpu = topology.cpu(id)
                let isOnline = !machine.offline.contains(id)
                #expect(cpu?.isOnline == isOnline)
                #expect(cpu?.core == (isOnline ? core.id : nil))
                #expect(cpu?.package == (isOnline ? core.package : nil))
                #expect(cpu?.siblings.cpus == (isOnline ? siblings : []))
                let sharers = machine.cpus(sharing: core.cache)
                #expect(cpu?.lastLevelCache == (isOnline ? sharers.first : nil))
                if isOnline { #expect(cpu?.node == core.node) }
            }
        }
    }

    private func expectNodes(_ topology: Topology, _ machine: Machine) {
        #expect(topology.nodes.map(\.id) == Array(machine.nodes.indices))
        for (node, described) in zip(topology.nodes, machine.nodes) {
            #expect(node.cpus.cpus == machine.cpus(of: node.id))
            #expect(node.memoryBytes == described.memoryBytes)
            #expect(node.distances == described.distances)
        }
    }

    private func expectInterrupts(_ interrupts: [InterruptFacts], _ machine: Machine) {
        #expect(interrupts.map(\.irq) == machine.interrupts.map(\.irq))
        for (facts, described) in zip(interrupts, machine.interrupts) {
            let device = machine.devices.first { $0.address == described.device }
            #expect(facts.name == described.name)
            #expect(facts.affinity?.cpus == described.affinity)
            #expect(facts.effective?.cpus == [described.effective])
            #expect(facts.node == device?.node)
            // Nothing but a drive's queue is known to be managed without debugfs.
            #expect(facts.isManaged == (described.isManaged ? true : nil))
        }
    }

    private func expectDisks(_ disks: [DiskFacts], _ machine: Machine) {
        #expect(disks.map(\.name) == machine.drives.map { $0.names[1] }.sorted())
        for drive in machine.drives {
            let disk = disks.first { $0.name == drive.names[1] }
            #expect(disk?.node == drive.node)
            #expect(disk?.minor == machine.diskMinor(drive))
            #expect(disk?.scheduler == "none")
            #expect(disk?.isRotational == false)
        }
    }

    private func expectPower(_ power: PowerFacts, _ machine: Machine) {
        #expect(power.policies.map(\.id) == (machine.power == nil ? [] : machine.online))
        #expect(power.idleStates == (machine.power?.idleStates ?? []))
        #expect(power.turboDisabled == machine.power.map { _ in false })
        #expect(
            power.policies.allSatisfy {
                $0.maximumKilohertz == machine.power?.maximumKilohertz
                    && $0.governor == "performance"
            })
    }

    /// The numbers that vendors publish; the rest of each description is held together by them.
    @Test func theLargeMachinesAreWhatTheyAreSoldAs() {
        let (h100, a100, mi300) = (Machine.dgxH100, Machine.dgxA100, Machine.mi300x)
        #expect(CPUList(h100.cpus(of: 0)).description == "0-55,112-167")
        #expect(CPUList(h100.cpus(of: 1)).description == "56-111,168-223")
        #expect(
            h100.devices.filter { $0.kind == .gpu }.map { $0.address.dropFirst(5).prefix(2) }
                == ["1b", "43", "52", "61", "9d", "c3", "d1", "df"])
        #expect(CPUList(a100.cpus(of: 3)).description == "48-63,176-191")
        #expect(a100.devices.filter { $0.kind == .gpu }.map(\.node) == [3, 3, 1, 1, 7, 7, 5, 5])
        #expect(mi300.online.count == 96 && !mi300.cores.contains { $0.cpus.count > 1 })
        let domains = Set(mi300.devices.filter { $0.kind == .gpu }.map { $0.address.prefix(4) })
        #expect(domains.count == 8)
        let largest = Machine.eightSockets
        #expect(largest.online.count == 256 && largest.nodes.count == 8)
        #expect(largest.interrupts.count == 1_000)
    }

    @Test func cardsOfOneSwitchShareItsBridgesAndNoOthers() {
        let devices = Machine.dgxH100.devices
        let gpus = devices.filter { $0.kind == .gpu }
        let cards = devices.filter { $0.kind == .fabric }
        for (index, gpu) in gpus.enumerated() {
            let near = cards.filter { $0.bridges.prefix(2) == gpu.bridges.prefix(2) }
            #expect(near.map(\.names) == [cards[index].names])
        }
    }

    @Test func everyPathOfADeviceLeadsToIt() throws {
        let tree = Tree()
        let machine = Machine.withOddNodes
        try machine.write(to: tree)
        for device in machine.devices {
            let address = "/sys/bus/pci/devices/\(device.address)"
            #expect(tree.host.line("\(address)/numa_node") == "\(device.node ?? -1)")
            #expect(tree.host.link("\(address)/driver")?.hasSuffix("/\(device.driver)") == true)
            for bridge in device.bridges {
                #expect(tree.host.line("/sys/bus/pci/devices/\(bridge)/class") == "0x060400")
            }
        }
        #expect(tree.host.line("/sys/class/net/enp65s0/device/class") == "0x020000")
        #expect(tree.host.line("/sys/block/nvme0n1/device/device/class") == "0x010802")
        #expect(tree.host.line("/sys/class/nvme/nvme0/device/class") == "0x010802")
    }
}
