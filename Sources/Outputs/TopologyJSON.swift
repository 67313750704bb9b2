import Fabric
import Host
import Training

/// The map for programs, schema `stoker.topology/1`: keys are added, never renamed or removed.
/// Sets of CPUs and nodes are texts in the kernel's list form.
package func topologyJSON(_ map: HostMap, version: String) -> String {
    let topology = map.facts.topology
    let nodes = map.nodeByCPU
    return JSON.object([
        ("schema", .string("stoker.topology/1")),
        ("version", .string(version)),
        ("takenAt", .string(utcTime(map.takenAt) + "Z")),
        ("host", host(map.facts)),
        ("nodes", .array(topology.nodes.map { node($0, map) })),
        ("caches", .array(topology.caches.map(cache))),
        ("cpus", .array(topology.cpus.map { cpu($0, topology) })),
        ("devices", .array(map.facts.devices.map { device($0, map) })),
        ("ports", .array(map.ports.map { JSON.object(portKeys($0)) })),
        ("interrupts", .array(map.facts.interrupts.map(interrupt))),
        ("choice", .string(map.choice.rawValue)),
        ("processes", .array(map.processes.map { process($0, nodes) })),
        ("notSeen", .array(map.gaps.map(gap))),
    ]).pretty
}

private func host(_ facts: HostFacts) -> JSON {
    .object([
        ("name", .string(facts.hostname)),
        ("kernel", .string(facts.kernel)),
        ("isVirtualMachine", facts.isVirtualMachine.map { .bool($0) } ?? .null),
        ("memoryBytes", JSON(facts.memoryTotalBytes)),
        ("onlineCpus", list(facts.topology.online)),
        ("isolatedCpus", list(facts.topology.isolated)),
        ("nohzFullCpus", list(facts.topology.nohzFull)),
        ("smt", JSON(facts.topology.smtControl)),
    ])
}

private func node(_ node: NodeFacts, _ map: HostMap) -> JSON {
    let use = map.memory[node.id]
    return .object([
        ("id", JSON(node.id)),
        ("cpus", list(node.cpus)),
        ("memoryBytes", JSON(node.memoryBytes)),
        ("freeBytes", number(use?.free)),
        ("anonymousHugeBytes", number(use?.anonymousHuge)),
        ("distances", .array(node.distances.map { JSON($0) })),
        ("hugepages", .array(map.facts.hugepages.filter { $0.node == node.id }.map(pool))),
    ])
}

private func pool(_ pool: HugepagePool) -> JSON {
    .object([
        ("pageBytes", JSON(pool.pageBytes)), ("total", JSON(pool.total)),
        ("free", JSON(pool.free)), ("surplus", JSON(pool.surplus)),
    ])
}

private func cache(_ cache: CacheFacts) -> JSON {
    .object([
        ("level", JSON(cache.level)),
        ("type", .string(cache.type.lowercased())),
        ("sizeBytes", number(cache.sizeBytes > 0 ? cache.sizeBytes : nil)),
        ("cpus", list(cache.cpus)),
    ])
}

private func cpu(_ cpu: CPUFacts, _ topology: Topology) -> JSON {
    .object([
        ("id", JSON(cpu.id)),
        ("online", .bool(cpu.isOnline)),
        ("core", number(cpu.core)),
        ("package", number(cpu.package)),
        ("node", number(cpu.node)),
        ("siblings", list(cpu.siblings)),
        ("isolated", .bool(topology.isolated.contains(cpu.id))),
        ("nohzFull", .bool(topology.nohzFull.contains(cpu.id))),
    ])
}

private func device(_ device: DeviceFacts, _ map: HostMap) -> JSON {
    .object([
        ("kind", .string(device.kind.rawValue)),
        ("address", .string(device.address)),
        ("names", JSON(device.names)),
        ("driver", JSON(device.driver)),
        ("vendor", JSON(hardwareID(device.vendor))),
        ("device", JSON(hardwareID(device.device))),
        ("node", number(device.node)),
        ("localCpus", device.localCPUs.map(list) ?? .null),
        ("link", device.link.map(pcieLink) ?? .null),
        ("bridges", JSON(device.bridges)),
        ("nearestAdapters", nearest(device, map)),
        ("interrupts", .array(device.interrupts.map { JSON($0) })),
    ])
}

/// Of a GPU; null for other devices, and where no distance is known.
private func nearest(_ device: DeviceFacts, _ map: HostMap) -> JSON {
    guard device.kind == .gpu, let (adapters, distance) = device.nearest(of: map.adapters) else {
        return .null
    }
    return .object([
        ("distance", .string(distance.rawValue)), ("addresses", JSON(adapters.map(\.address))),
    ])
}

private func interrupt(_ interrupt: InterruptFacts) -> JSON {
    .object([
        ("irq", JSON(interrupt.irq)),
        ("name", .string(interrupt.name)),
        ("device", JSON(interrupt.device)),
        ("node", number(interrupt.node)),
        ("affinity", interrupt.affinity.map(list) ?? .null),
        ("effective", interrupt.effective.map(list) ?? .null),
        ("managed", interrupt.isManaged.map { .bool($0) } ?? .null),
    ])
}

private func process(_ process: ProcessPlacement, _ nodes: [Int: Int]) -> JSON {
    let facts = process.facts
    return .object([
        ("pid", JSON(facts.pid)),
        ("parent", JSON(facts.parent)),
        ("name", .string(facts.name)),
        ("command", .string(facts.command)),
        ("rank", number(facts.rank)),
        ("gpus", JSON(facts.gpus)),
        ("identity", identity(facts.identity)),
        ("hasDeviceOpen", .bool(facts.hasDeviceOpen)),
        ("allowedNodes", facts.allowedNodes.map { list(CPUList($0)) } ?? .null),
        ("memory", facts.memory.map(memory) ?? .null),
        ("threads", .array(process.threads.map { thread($0, nodes) })),
    ])
}

private func thread(_ thread: ThreadPlacement, _ nodes: [Int: Int]) -> JSON {
    .object([
        ("tid", JSON(thread.tid)),
        ("name", .string(thread.name)),
        ("cpu", number(thread.cpu)),
        ("node", number(thread.cpu.flatMap { nodes[$0] })),
        ("allowedCpus", thread.allowed.map(list) ?? .null),
    ])
}

private func gap(_ gap: MapGap) -> JSON {
    .object([("what", .string(gap.what)), ("why", .string(gap.why))])
}

private func list(_ cpus: CPUList) -> JSON { .string(cpus.description) }

func number(_ value: (some BinaryInteger)?) -> JSON { value.map { JSON($0) } ?? .null }
