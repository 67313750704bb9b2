import ArgumentParser
import Fabric
import Host
import Outputs
import Training

struct TopologyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topology",
        abstract: "Shows CPUs, caches, memory, devices, interrupts and where the job is on them.",
        discussion: """
            Without --pid and --cgroup the processes that compute on a GPU or have an RDMA \
            adapter open are shown, with their descendants.

            Exit status: 0 shown, 2 could not be read, 64 usage.
            """)

    @Option(help: "How the map is written: text or json.")
    var format = ReportFormat.text

    @Option(name: .long, help: "A process to show, with its descendants. May be repeated.")
    var pid: [Int32] = []

    @Option(help: "A control group to show: a folder, or its path below the mount point.")
    var cgroup: String?

    @Option(name: .shortAndLong, help: "Write the map to this file.")
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Show a copy of another host's /proc and /sys instead.", valueName: "folder",
            visibility: .hidden))
    var root: String?

    @OptionGroup var gpus: GPUOptions

    func validate() throws {
        guard pid.isEmpty || cgroup == nil else {
            throw ValidationError("Give only one of --pid and --cgroup.")
        }
        guard pid.allSatisfy({ $0 > 0 }) else { throw ValidationError("A pid is above 0.") }
    }

    func run() throws {
        do throws(Failure) { try show() } catch {
            Terminal.complain(error.message)
            throw Exit.failure
        }
    }

    private func show() throws(Failure) {
        let host = Host(root: root ?? "")
        let destination = try Destination(output)
        let map = try map(of: host)
        switch format {
        case .json: try destination.write(topologyJSON(map, version: version))
        case .text:
            let style = Terminal.style(toFile: output != nil)
            try destination.write(topologyMap(map, style: style))
        }
    }

    private func map(of host: Host) throws(Failure) -> HostMap {
        var facts = HostFacts.read(from: host)
        guard !facts.topology.cpus.isEmpty else {
            throw Failure("cannot read any CPU in \(host.root)/sys/devices/system/cpu")
        }
        _ = gpus.worker(on: host, &facts)
        var map = HostMap(facts: facts, takenAt: wallClock())
        var reader = FabricReader(host)
        map.ports = reader.read(.everything)
        for node in facts.topology.nodes {
            let figures = host.memoryFigures(ofNode: node.id)
            map.memory[node.id] = NodeUse(
                free: figures["MemFree"], anonymousHuge: figures["AnonHugePages"])
        }
        try place(processesOf: host, on: &map)
        return map
    }

    /// Finds the processes that were named, or those that drive a device.
    private func place(processesOf host: Host, on map: inout HostMap) throws(Failure) {
        let targets = Targets(host: host, layout: map.facts.cgroups)
        let gpus = GPUTable(map.facts.devices)
        var pids: Set<Int32>
        if let cgroup {
            let folder = try targets.folder(ofGroup: cgroup)
            pids = targets.pids(inGroup: folder)
            guard !pids.isEmpty else {
                throw Failure("there is no process in the control group \(folder)")
            }
            map.choice = .named
        } else if !pid.isEmpty {
            try targets.check(pid)
            pids = withDescendants(Set(pid), parents: host.parents)
            map.choice = .named
        } else {
            let users = deviceUsers(on: host, gpus)
            map.refused = users.refused
            pids = users.pids.isEmpty ? [] : withDescendants(users.pids, parents: host.parents)
        }
        map.processes = pids.sorted().compactMap { pid in
            ProcessPlacement(reading: host.process(pid), pid: pid, gpus)
        }
        for (index, facts) in map.processes.map(\.facts).withoutInheritedDevices.enumerated() {
            map.processes[index].facts = facts
        }
        readMemory(of: host, into: &map)
    }

    /// Ranks first, for the time is limited.
    private func readMemory(of host: Host, into map: inout HostMap) {
        guard map.facts.topology.nodesWithMemory.count > 1 else { return }
        let ranks = map.processes.filter(\.facts.hasDeviceOpen).map(\.facts.pid)
        let others = map.processes.filter { !$0.facts.hasDeviceOpen }.map(\.facts.pid)
        let memory = memoryPlacements(
            of: ranks + others, ranks: ranks.isEmpty ? others.count : ranks.count, on: host)
        for index in map.processes.indices {
            map.processes[index].facts.memory = memory[map.processes[index].facts.pid]
        }
    }
}
