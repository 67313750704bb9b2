import Fabric
import Host
import Rules
import Signals
import Training

/// A host with ports and links, looked at for a minute.
struct FabricHost {
    var ports: [FabricPort] = []
    var interfaces: [NetworkInterface] = []
    var functions: [PCIeFunction] = []
    var facts = HostFacts()
    var seconds: UInt64 = 60
    var drives: [DiskActivity] = []

    /// A ConnectX-7 port with a good link, beside a GPU where `gpu`.
    mutating func addPort(
        _ index: Int, gpu: Bool = true, _ change: (inout FabricPort) -> Void = { _ in }
    ) {
        let root = "0000:\(index)0:01.0"
        let address = "0000:\(index)3:00.0"
        var adapter = DeviceFacts(kind: .fabric, address: address)
        adapter.names = ["mlx5_\(index)"]
        (adapter.vendor, adapter.device) = (0x15b3, 0x1021)
        adapter.bridges = [root, "0000:\(index)1:00.0", "0000:\(index)2:00.0"]
        facts.devices.append(adapter)
        if gpu {
            var card = DeviceFacts(kind: .gpu, address: "0000:\(index)4:00.0")
            card.names = ["nvidia\(index)"]
            card.bridges = [root, "0000:\(index)1:00.0", "0000:\(index)2:01.0"]
            facts.devices.append(card)
        }
        var link = FabricPortFacts(device: "mlx5_\(index)", port: 1)
        (link.address, link.interface, link.driver) = (address, "ib\(index)", "mlx5_core")
        (link.layer, link.state, link.physicalState) = (.infiniBand, "ACTIVE", "LinkUp")
        (link.gigabits, link.lanes, link.mtu) = (400, 4, 4092)
        var port = FabricPort(link)
        port.port = FabricCounters(["port_xmit_data": 7_000_000, "port_rcv_data": 7_000_000])
        change(&port)
        ports.append(port)
    }

    /// A function whose link is as good as it can be.
    mutating func addFunction(
        _ address: String, below upper: String? = nil,
        _ change: (inout PCIeFunction) -> Void = { _ in }
    ) {
        var function = PCIeFunction(address: address)
        function.upper = upper
        var link = LinkFacts(gigatransfers: 32, lanes: 16)
        (link.mostGigatransfers, link.mostLanes) = (32, 16)
        function.link = link
        (function.correctable, function.nonfatal, function.fatal) = (["RxErr": 0], [:], [:])
        change(&function)
        functions.append(function)
    }

    func observation() -> Observation {
        var change = Readings()
        change[FabricPorts.self] = .success(FabricPorts(ports: ports, interfaces: interfaces))
        change[PCIe.self] = .success(PCIe(functions: functions))
        change[Disks.self] = .success(Disks(disks: drives))
        var thread = ThreadActivity(tid: 71, pid: 71, name: "python")
        thread.time[.running] = seconds * 1_000_000_000
        change[Threads.self] = .success(Threads(threads: [thread]))
        return Observation(
            facts: facts, job: Job(processes: [ProcessFacts(pid: 71, name: "python")]),
            whole: Window(nanoseconds: seconds * 1_000_000_000, change: change))
    }

    func findings(_ rule: Rule) throws -> [Finding] { try rule.check(observation()) }
}
