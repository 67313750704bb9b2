import Host

private let nvidiaVendor = 0x10de
private let mellanox = 0x15b3
private let amd = 0x1002
private let samsung = 0x144d

/// Hosts that are sold for training. CPU and node numbers, PCI addresses of GPUs and of the
/// network cards beside them, device names and ids are facts that vendors and users published;
/// bridges, drives and interrupt numbers are ours.
extension Machine {
    /// Two sockets of 56 cores; each GPU shares a PCIe switch with its own network card.
    package static var dgxH100: Machine {
        var machine = Machine("dgx-h100")
        machine.power = .intel(maximumKilohertz: 3_800_000)
        machine.caches = CacheSizes(data: 48, instruction: 32, second: 2048, third: 107_520)
        machine.nodes = [[10, 21], [21, 10]].map { Node(gibibytes: 1024, distances: $0) }
        for socket in 0..<2 {
            machine.addCores(56, package: socket, node: socket, perCache: 56) {
                [socket * 56 + $0, socket * 56 + $0 + 112]
            }
        }
        machine.addBoardInterrupts()
        let adapters = [0, 3, 4, 5, 6, 9, 10, 11]
        let buses = [0x18, 0x40, 0x4f, 0x5e, 0x9a, 0xc0, 0xce, 0xdc]
        for (index, (adapter, bus)) in zip(adapters, buses).enumerated() {
            let tree = Switch(root: bus - 3, node: index / 4)
            machine.add(
                .adapter("mlx5_\(adapter)", "ibp\(bus)s0", tree.below(0, bus: bus), id: 0x1021),
                queues: 63)
            machine.add(.nvidia(tree.below(1, bus: bus + 3), id: 0x2330, card: index + 1))
        }
        for index in 0..<8 { machine.addDrive(index, bus: 0xe1 + index, node: index / 4) }
        machine.addNetwork("eno1", address: "0000:05:00.0", node: 0, queues: 8)
        machine.hugepages = (0..<2).flatMap { HugepagePool.empty(node: $0) }
        machine.daemons = ["irqbalance"]
        machine.addRanks(nodes: [0, 0, 0, 0, 1, 1, 1, 1], threads: 9, loaders: 4)
        return machine
    }

    /// Two sockets of 64 cores in four nodes each; two GPUs and two network cards to a switch.
    package static var dgxA100: Machine {
        var machine = Machine("dgx-a100")
        machine.kernel = "5.15.0-1053-nvidia"
        machine.power = .amd(maximumKilohertz: 3_400_000)
        machine.caches = CacheSizes(data: 32, instruction: 32, second: 512, third: 16_384)
        machine.nodes = (0..<8).map { from in
            Node(
                gibibytes: 128,
                distances: (0..<8).map { from == $0 ? 10 : from / 4 == $0 / 4 ? 12 : 32 })
        }
        for node in 0..<8 {
            machine.addCores(16, package: node / 4, node: node, perCache: 4) {
                [node * 16 + $0, node * 16 + $0 + 128]
            }
        }
        machine.addBoardInterrupts()
        let switches: [(node: Int, root: Int, cards: [Int], gpus: [Int])] = [
            (3, 0x00, [0x0c, 0x12], [0x07, 0x0f]), (1, 0x40, [0x4b, 0x54], [0x47, 0x4e]),
            (7, 0x80, [0x8d, 0x94], [0x87, 0x90]), (5, 0xb0, [0xba, 0xcc], [0xb7, 0xbd]),
        ]
        for (index, place) in switches.enumerated() {
            let tree = Switch(root: place.root, node: place.node)
            for half in 0..<2 {
                let (number, bus) = (index * 2 + half, place.cards[half])
                machine.add(
                    .adapter(
                        "mlx5_\(number)", "ibp\(bus)s0", tree.below(half * 2, bus: bus),
                        id: 0x101b), queues: 24)
                machine.add(
                    .nvidia(
                        tree.below(half * 2 + 1, bus: place.gpus[half]), id: 0x20b0,
                        card: number + 1))
            }
        }
        for index in 0..<4 { machine.addDrive(index, bus: 0xe1 + index, node: index * 2) }
        machine.hugepages = (0..<8).flatMap { HugepagePool.empty(node: $0) }
        machine.addRanks(nodes: [3, 3, 1, 1, 7, 7, 5, 5], threads: 9, loaders: 4)
        return machine
    }

    /// A virtual machine in which each GPU and each network card has a PCI domain of its own.
    package static var mi300x: Machine {
        var machine = Machine("mi300x")
        machine.isVirtual = true
        machine.clocksource = "hyperv_clocksource_tsc_page"
        machine.caches = CacheSizes(data: 48, instruction: 32, second: 2048, third: 107_520)
        machine.nodes = [[10, 21], [21, 10]].map { Node(gibibytes: 925, distances: $0) }
        for node in 0..<2 {
            machine.addCores(48, package: node, node: node, perCache: 48) { [node * 48 + $0] }
        }
        machine.addBoardInterrupts()
        for index in 0..<8 {
            let (node, domain) = (index / 4, hexadecimal(index + 2, digits: 4))
            machine.add(
                Device(
                    kind: .gpu, address: "\(domain):00:00.0", node: node, vendor: amd,
                    device: 0x74b5, driver: "amdgpu",
                    names: ["card\(index + 1)", "renderD\(128 + index)"]),
                vectors: ["amdgpu"])
            let card = Place(
                address: "0\(hexadecimal(0x101 + index, digits: 3)):00:00.0", bridges: [],
                node: node)
            machine.add(
                .adapter("mlx5_ib\(index)", "ib\(index)", card, id: 0x101e), queues: 31)
        }
        machine.addDrive(0, bus: 0xe1, node: nil)
        machine.hugepages = (0..<2).flatMap { HugepagePool.empty(node: $0) }
        machine.addRanks(nodes: [0, 0, 0, 0, 1, 1, 1, 1], threads: 9, loaders: 4)
        return machine
    }
}

/// Where a device sits.
struct Place {
    var address: String
    var bridges: [String]
    var node: Int?
}

/// A PCIe switch below a root port: its devices share both bridges above their own.
struct Switch {
    /// Bus of the root port; the switch has the two buses after it.
    var root: Int
    var node: Int?

    /// A device on `bus` below the downstream port `port`.
    func below(_ port: Int, bus: Int) -> Place {
        Place(
            address: pciAddress(bus, 0),
            bridges: [
                pciAddress(root, 1), pciAddress(root + 1, 0), pciAddress(root + 2, port),
            ],
            node: node)
    }
}

/// `0000:1b:00.0`
func pciAddress(_ bus: Int, _ slot: Int) -> String {
    "0000:\(hexadecimal(bus, digits: 2)):\(hexadecimal(slot, digits: 2)).0"
}

func hexadecimal(_ number: Int, digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}

extension Machine.Device {
    static func adapter(
        _ name: String, _ interface: String, _ place: Place, id: Int
    ) -> Machine.Device {
        Machine.Device(
            kind: .fabric, address: place.address, bridges: place.bridges, node: place.node,
            vendor: mellanox, device: id, driver: "mlx5_core", names: [interface, name])
    }

    static func nvidia(_ place: Place, id: Int, card: Int) -> Machine.Device {
        Machine.Device(
            kind: .gpu, address: place.address, bridges: place.bridges, node: place.node,
            vendor: nvidiaVendor, device: id, driver: "nvidia", names: ["card\(card)"])
    }
}

extension Machine {
    /// An RDMA adapter's vectors: one for events, the rest for completions.
    mutating func add(_ adapter: Device, queues: Int) {
        add(
            adapter,
            vectors: ["mlx5_async0@pci:\(adapter.address)"]
                + (0..<queues).map { "mlx5_comp\($0)@pci:\(adapter.address)" })
    }

    mutating func add(_ gpu: Device) { add(gpu, vectors: [gpu.driver]) }

    /// An NVMe drive right below a root port, with a queue for each of 16 CPUs.
    mutating func addDrive(_ index: Int, bus: Int, node: Int?, queues: Int = 16) {
        add(
            Device(
                kind: .drive, address: pciAddress(bus, 0),
                bridges: [pciAddress(0xe0, index + 1)], node: node, vendor: samsung,
                device: 0xa824, driver: "nvme", names: ["nvme\(index)", "nvme\(index)n1"]),
            vectors: (0...queues).map { "nvme\(index)q\($0)" })
    }

    package mutating func addNetwork(_ name: String, address: String, node: Int?, queues: Int) {
        add(
            Device(
                kind: .network, address: address, bridges: [pciAddress(0, 0x1c)], node: node,
                vendor: 0x8086, device: 0x1563, driver: "ixgbe", names: [name]),
            vectors: (0..<queues).map { "\(name)-TxRx-\($0)" } + [name])
    }
}

extension HugepagePool {
    /// Both sizes that x86 has, without a page.
    static func empty(node: Int) -> [HugepagePool] {
        [2 << 20, 1 << 30].map {
            HugepagePool(node: node, pageBytes: $0, total: 0, free: 0, surplus: 0)
        }
    }
}

extension Machine.Power {
    static func intel(maximumKilohertz: Int64) -> Machine.Power {
        Machine.Power(
            isIntel: true, preference: "performance", maximumKilohertz: maximumKilohertz,
            idleStates: [("POLL", 0), ("C1", 1), ("C1E", 2), ("C6", 290)].enumerated().map {
                IdleState(
                    index: $0, name: $1.0, exitLatencyMicroseconds: $1.1, isDisabled: false)
            })
    }

    static func amd(maximumKilohertz: Int64) -> Machine.Power {
        Machine.Power(
            isIntel: false, maximumKilohertz: maximumKilohertz,
            idleStates: [("POLL", 0), ("C1", 1), ("C2", 400)].enumerated().map {
                IdleState(
                    index: $0, name: $1.0, exitLatencyMicroseconds: $1.1, isDisabled: $0 == 2)
            })
    }
}
