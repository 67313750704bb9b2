import Host

/// Hosts whose numbers are not the usual ones, the largest there is, and a small one.
extension Machine {
    package static var all: [Machine] {
        [dgxH100, dgxA100, mi300x, withGaps, withOddNodes, eightSockets, workstation]
    }

    /// CPUs 32 to 63 do not exist; 14 and 30, one core, are offline, and so is 79, half of one.
    package static var withGaps: Machine {
        var machine = Machine("gaps")
        machine.kernel = "6.1.0-28-amd64"
        machine.power = .intel(maximumKilohertz: 3_500_000)
        machine.nodes = [[10, 21], [21, 10]].map { Node(gibibytes: 256, distances: $0) }
        for node in 0..<2 {
            machine.addCores(16, package: node, node: node, perCache: 16) {
                [node * 64 + $0, node * 64 + $0 + 16]
            }
        }
        machine.offline = [14, 30, 79]
        machine.addBoardInterrupts()
        for index in 0..<2 {
            let tree = Switch(root: 0x20 + index * 0x40, node: index)
            let bus = 0x23 + index * 0x40
            machine.add(
                .adapter("mlx5_\(index)", "ibp\(bus)s0", tree.below(0, bus: bus), id: 0x1017),
                queues: 31)
            machine.add(.nvidia(tree.below(1, bus: bus + 1), id: 0x1db6, card: index))
        }
        machine.addDrive(0, bus: 0xe1, node: 1)
        machine.hugepages = [
            HugepagePool(node: 0, pageBytes: 2 << 20, total: 512, free: 37, surplus: 0),
            HugepagePool(node: 1, pageBytes: 2 << 20, total: 512, free: 511, surplus: 3),
        ]
        machine.addRanks(nodes: [0, 1], threads: 7, loaders: 3)
        return machine
    }

    /// Node 1 has CPUs and no memory; node 2 is memory without CPUs, as of a CXL card. The GPU's
    /// firmware does not say where it is.
    package static var withOddNodes: Machine {
        var machine = Machine("odd-nodes")
        machine.power = .amd(maximumKilohertz: 3_700_000)
        machine.caches = CacheSizes(data: 32, instruction: 32, second: 1024, third: 32_768)
        machine.nodes = [
            Node(gibibytes: 192, distances: [10, 12, 20]),
            Node(gibibytes: 0, distances: [12, 10, 24]),
            Node(gibibytes: 512, distances: [20, 24, 10]),
        ]
        for node in 0..<2 {
            machine.addCores(8, package: 0, node: node, perCache: 8) {
                [node * 8 + $0, node * 8 + $0 + 16]
            }
        }
        machine.addBoardInterrupts()
        machine.add(
            .nvidia(
                Place(address: "0000:41:00.0", bridges: ["0000:40:01.1"], node: nil), id: 0x26b9,
                card: 0))
        machine.addDrive(0, bus: 0xe1, node: 1, queues: 8)
        machine.addNetwork("enp65s0", address: "0000:61:00.0", node: 0, queues: 8)
        machine.hugepages = [0, 2].flatMap { HugepagePool.empty(node: $0) }
        machine.addRanks(nodes: [0], threads: 5, loaders: 6)
        return machine
    }

    /// Eight nodes of 32 CPUs, hardware threads next to each other, and 1,000 interrupts.
    package static var eightSockets: Machine {
        var machine = Machine("eight-sockets")
        machine.power = .intel(maximumKilohertz: 3_600_000)
        machine.nodes = (0..<8).map { from in
            Node(gibibytes: 512, distances: (0..<8).map { from == $0 ? 10 : 21 + abs(from - $0) })
        }
        for node in 0..<8 {
            machine.addCores(16, package: node, node: node, perCache: 16) {
                [node * 32 + $0 * 2, node * 32 + $0 * 2 + 1]
            }
        }
        machine.addBoardInterrupts()
        for node in 0..<8 {
            let bus = 0x13 + node * 0x18
            let tree = Switch(root: bus - 3, node: node)
            machine.add(
                .adapter("mlx5_\(node)", "ibp\(bus)s0", tree.below(0, bus: bus), id: 0x1021),
                queues: 63)
            machine.add(.nvidia(tree.below(1, bus: bus + 3), id: 0x2330, card: node + 1))
            machine.addDrive(node, bus: 0xe1 + node, node: node, queues: 32)
        }
        let missing = 1_000 - machine.interrupts.count
        machine.addNetwork("ens1", address: "0000:05:00.0", node: 0, queues: missing - 1)
        machine.hugepages = (0..<8).flatMap { HugepagePool.empty(node: $0) }
        machine.daemons = ["irqbalance", "tuned"]
        machine.addRanks(nodes: Array(0..<8), threads: 9, loaders: 8)
        return machine
    }

    /// One node, eight cores, one card.
    package static var workstation: Machine {
        var machine = Machine("workstation")
        machine.power = .amd(maximumKilohertz: 5_400_000)
        machine.caches = CacheSizes(data: 32, instruction: 32, second: 1024, third: 98_304)
        machine.thpEnabled = "always"
        machine.nodes = [Node(gibibytes: 64, distances: [10])]
        machine.addCores(8, package: 0, node: 0, perCache: 8) { [$0, $0 + 8] }
        machine.addBoardInterrupts()
        machine.add(
            .nvidia(
                Place(address: "0000:01:00.0", bridges: ["0000:00:01.1"], node: nil), id: 0x2684,
                card: 0))
        machine.addDrive(0, bus: 0xe1, node: nil)
        machine.addNetwork("enp6s0", address: "0000:06:00.0", node: nil, queues: 4)
        machine.hugepages = HugepagePool.empty(node: 0)
        machine.addRanks(nodes: [0], threads: 5, loaders: 6)
        return machine
    }
}
