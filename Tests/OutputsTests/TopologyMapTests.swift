import Fabric
import Host
import Testing
import Training

@testable import Outputs

@Suite struct TopologyMapTests {
    @Test func showsNodesDevicesAndTheJobAtAGlance() {
        let text = topologyMap(
            TopologySamples.map, style: TextStyle(colour: false, unicode: false, width: 80))
        #expect(text == goldenMap)
    }

    @Test func fitsALargeHostInLinesThatCanBeRead() {
        let lines = topologyMap(TopologySamples.large).split(separator: "\n")
        #expect(lines.allSatisfy { width(of: String($0)) <= 80 })
        #expect(lines.count < 250)
        // Eight nodes of 32 CPUs: each a line, not a list of CPUs.
        #expect(lines.contains { $0.contains("CPUs        16-31 + siblings 144-159 · package 0") })
        #expect(lines.contains { $0.contains("125 IRQs fire on 0-15,128-140") })
        #expect(lines.contains { $0.contains("and 8 more drive devices") })
        #expect(lines.contains { $0.contains("and 28 more processes, threads 28") })
    }

    @Test func aRankStandsForWhatItStarted() {
        var map = TopologySamples.map
        for (pid, parent, cpu) in [(4301, 4242, 2), (4302, 4301, 3), (99, 1, 0)] {
            var facts = ProcessFacts(pid: Int32(pid), parent: Int32(parent), name: "loader")
            facts.memory = MemoryPlacement()
            facts.memory?.anonymous = [0: 1 << 30]
            let thread = ThreadPlacement(
                tid: facts.pid, name: "loader", cpu: cpu, allowed: nil)
            map.processes.append(ProcessPlacement(facts: facts, threads: [thread]))
        }
        let text = topologyMap(map)
        #expect(text.contains("below it    2 processes, threads 2, all on node 1 (CPUs 2-3)"))
        #expect(text.contains("    memory      2.0 GiB on node 0 (100 %)"))
        #expect(!text.contains("pid 4301"))
        #expect(text.contains("pid 99: loader"))
    }

    @Test func devicesOfUnknownNodeStandApart() {
        var map = TopologySamples.map
        let text = topologyMap(map)
        let parts = text.split(separator: "Node unknown")
        #expect(parts.count == 2)
        #expect(parts.last?.contains("0000:81:00.0 144d:a824 (vfio-pci)") == true)
        map.facts.devices.removeAll { $0.node == nil }
        #expect(!topologyMap(map).contains("Node unknown"))
        // A node that is not there is as good as none.
        map.facts.devices[0].node = 7
        #expect(topologyMap(map).contains("Node unknown"))
    }

    @Test func saysWhatWasNotRead() {
        let text = topologyMap(HostMap(facts: HostFacts(), refused: 3))
        #expect(text.contains("nodes       this kernel shows none"))
        #expect(text.contains("caches      no CPU describes them"))
        #expect(text.contains("IRQs        /proc/interrupts lists none"))
        #expect(text.contains("3 processes of others have a GPU open: run as root"))
        #expect(text.contains("No process is known to compute on a GPU"))
        var map = TopologySamples.map
        map.processes[0].facts.memory = nil
        #expect(topologyMap(map).contains("memory of 1 process lies"))
        #expect(topologyMap(map).contains("    memory      not read"))
        map.processes[0].facts.memory = MemoryPlacement()
        map.processes[0].facts.memory?.gap = "time was over"
        #expect(topologyMap(map).contains("parts of the job's: time was over"))
    }

    @Test func cpusWithoutNodesAreShownAllTheSame() {
        var map = TopologySamples.map
        map.facts.topology.nodes = []
        for index in map.facts.topology.cpus.indices { map.facts.topology.cpus[index].node = nil }
        let text = topologyMap(map)
        #expect(text.contains("\nCPUs\n  CPUs        0-1 + siblings 4-5"))
        #expect(text.contains("on a node that is not known (CPUs 0-1,4,6)"))
    }

    @Test func portsSayHowTheirLinkStands() {
        var map = TopologySamples.map
        map.ports[0].facts.state = "DOWN"
        map.ports[0].facts.physicalState = "Polling"
        var second = map.ports[0]
        (second.facts.port, second.facts.state, second.facts.lanes) = (2, nil, 1)
        (second.facts.layer, second.facts.gigabits, second.facts.physicalState) = (
            .ethernet, 2.5, nil
        )
        map.ports.append(second)
        let text = topologyMap(map)
        #expect(text.contains("port 1 DOWN, Polling, 400 Gb/s, 4 lanes\n"))
        #expect(text.contains("port 2 state unknown, 2.5 Gb/s, 1 lane, Ethernet\n"))
    }

    @Test func portsOfSoftwareStandApart() {
        var map = TopologySamples.map
        #expect(!topologyMap(map).contains("RDMA without"))
        var facts = FabricPortFacts(device: "rxe0", port: 1)
        (facts.interface, facts.state, facts.gigabits) = ("eth0", "ACTIVE", 10)
        map.ports.append(FabricPort(facts))
        let text = topologyMap(map)
        #expect(
            text.contains(
                "RDMA without a PCI device\n  rxe0        port 1 ACTIVE, 10 Gb/s, on eth0"))
    }

    @Test func withoutADistanceNoAdapterIsNearest() {
        var map = TopologySamples.map
        map.facts.devices[1].bridges = []
        #expect(topologyMap(map).contains("nearest adapter mlx5_0 (NODE)"))
        map.facts.devices[0].node = nil
        #expect(!topologyMap(map).contains("nearest"))
    }

    @Test func hostileNamesStayText() {
        for name in hostileTexts(200) {
            var map = TopologySamples.map
            map.facts.hostname = name
            map.facts.kernel = name
            map.facts.devices[0].names = [name]
            map.ports[0].facts.state = name
            map.ports[0].hardware.values[name] = 7
            map.ports[0].facts.interface = name
            map.ports.append(FabricPort(FabricPortFacts(device: name, port: 7)))
            map.facts.devices[2].driver = name
            map.facts.interrupts[0].name = name
            map.processes[0].facts.command = name
            map.processes[0].facts.memory?.policies = [name: 1 << 30]
            map.processes[0].facts.memory?.gap = name
            #expect(harmful(in: topologyMap(map), allowingLines: true).isEmpty)
            #expect(harmful(in: topologyJSON(map, version: "0"), allowingLines: true).isEmpty)
        }
    }
}

@Suite struct CoreTextTests {
    private func cpus(_ cores: [[Int]]) -> [CPUFacts] {
        cores.flatMap { core in
            core.map { id in
                var cpu = CPUFacts(id: id)
                cpu.siblings = CPUList(core)
                return cpu
            }
        }.sorted { $0.id < $1.id }
    }

    @Test(arguments: [
        ([[0], [1], [2]], "0-2"),
        ([[0, 4], [1, 5], [2, 6], [3, 7]], "0-3 + siblings 4-7"),
        ([[5, 9]], "5 + siblings 9"),
        ([[0, 1], [2, 3], [4, 5], [6, 7]], "0-7, siblings side by side: 0-1 2-3 4-5 …"),
        ([[0, 1], [2, 3], [4, 5]], "0-5, siblings side by side: 0-1 2-3 4-5"),
        ([[0, 9], [2, 7], [4, 13]], "0,9 2,7 4,13 (a core each)"),
        ([[0, 4], [1, 5], [2, 6], [3]], "0-2 + siblings 4-6; 3 alone"),
        ([[0, 8, 16, 24], [1, 9, 17, 25]], "0-1 + siblings 8-9 and 16-17 and 24-25"),
    ])
    func tellsHardwareThreadsOfACore(cores: [[Int]], text: String) {
        #expect(coreText(cpus(cores)) == text)
    }

    @Test func siblingsElsewhereAreNotNamed() {
        // An offline sibling, and a CPU that describes none.
        var cpu = CPUFacts(id: 3)
        cpu.siblings = CPUList([3, 7])
        #expect(coreText([cpu, CPUFacts(id: 4)]) == "3-4")
    }

    @Test(arguments: [
        ("", ""), ("0-255", "0-255"), ("0,2,4,6,8,10", "0,2,4,6,8,10"),
        ("0,2,4,6,8,10,12-15", "0,2,4,6,8,10… (10 CPUs)"),
    ])
    func longListsAreCut(list: String, short: String) {
        #expect(CPUList(parsing: list)?.short == short)
    }
}

/// The map of the sample, ASCII, 80 columns.
private let goldenMap = #"""
    gpu-17 - Linux 6.8.0
    8 CPUs - 4 cores - 2 packages - 2 NUMA nodes - 12 GiB

    caches      2 x L1d 48 KiB of 2 CPUs   2 x L3 105 MiB of 4 CPUs
    distances       0    1
          node 0   10   21
          node 1   21   10

    Node 0
      memory      4.0 GiB, 1.0 GiB free, 512 MiB in transparent huge pages
      huge pages  1,024 of 2 MiB, 512 free, 3 surplus
      CPUs        0-1 + siblings 4-5 - package 0 - L3 105 MiB
      job         3 threads, 3.0 GiB of its memory
      gpu         0000:1b:00.0 nvidia0         x16 2.5 of 32 GT/s
                  1 IRQ fires on 0 (may on every CPU)
                  nearest adapter mlx5_0 (PIX)
      fabric      0000:18:00.0 mlx5_0 ibp24s0
                  3 IRQs fire on 1-2,6, 1 managed, 2 on another node
                  port ACTIVE, 400 Gb/s, 4 lanes
      PCIe switch 0000:16:00.0: mlx5_0, nvidia0

    Node 1
      memory      8.0 GiB, how much is free cannot be read
      huge pages  none reserved
      CPUs        2-3 + siblings 6-7 - package 1 - L3 105 MiB
      isolated    3
      offline     8
      job         1 thread, 2.0 GiB of its memory

    Node unknown
      The firmware does not say on which node these devices are.
      drive       0000:81:00.0 144d:a824 (vfio-pci)

    Where the job is now

      pid 4242, rank 3: python3 train.py
        threads     4: 3 on node 0 (CPUs 0-1,4), 1 on node 1 (CPU 6)
        may use     3 threads: CPUs 0-1,4-5 (node 0); 1 thread: CPUs 0-7 (nodes
                    0-1); memory of nodes 0-1
        memory      3.0 GiB on node 0 (60 %), 2.0 GiB on node 1 (40 %); of it 1.0
                    GiB shared; policy bind:1 for 1.0 GiB with file contents

    """#
