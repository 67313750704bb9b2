import Host
import Machines
import Testing

@testable import Signals

/// Every signal of a described machine, between two moments ten seconds apart.
struct MachineSignalTests {
    private static let seconds: UInt64 = 10

    private func window(_ machine: Machine) throws -> Window {
        let tree = Tree()
        try machine.write(to: tree)
        let source = Source(
            host: tree.host, facts: HostFacts.read(from: tree.host),
            watch: Watch(pids: machine.jobPids), probes: false)
        let sensors = Sensors(on: source)
        let earlier = sensors.sample()
        try machine.writeCounters(to: tree, after: Self.seconds)
        source.isAtEnd = true
        var later = sensors.sample()
        later.monotonic = earlier.monotonic + Self.seconds * 1_000_000_000
        return sensors.window(from: earlier, to: later)
    }

    @Test(arguments: Machine.all)
    func everySignalTellsWhatTheCountersDid(machine: Machine) throws {
        let window = try window(machine)
        try expectInterrupts(window(Interrupts.self), machine)
        try expectMemory(window, machine)
        try expectDisks(window(Disks.self), machine)
        try expectCPUs(window(CPUs.self), machine)
        try expectJob(window, machine)
        #expect(try window(Pressure.self).io.some == 40 * Self.seconds * 1_000)
        #expect(try window(Pressure.self).memory == Stall())
        guard machine.power != nil else {
            #expect(throws: Unavailable.self) { try window(Power.self) }
            return
        }
        try expectPower(window(Power.self), machine)
    }

    private func expectInterrupts(_ interrupts: Interrupts, _ machine: Machine) {
        #expect(interrupts.measured.cpus == machine.online)
        let devices = interrupts.lines.filter { $0.irq != nil }
        #expect(devices.map(\.irq) == machine.interrupts.map(\.irq))
        for (line, described) in zip(devices, machine.interrupts) {
            let isBusy = described.device != nil
            let expected = isBusy ? machine.vectorRate * Self.seconds : 0
            #expect(line.counts.reduce(0, +) == expected)
            #expect(line.counts[described.effective] == expected)
        }
        let timer = interrupts.row("LOC")?.counts ?? []
        let rate = machine.rate(of: "LOC") * Self.seconds
        #expect(machine.online.allSatisfy { timer[$0] == rate })
        #expect(timer.reduce(0, +) == rate * UInt64(machine.online.count))
    }

    private func expectMemory(_ window: Window, _ machine: Machine) throws {
        let memory = try window(FreeMemory.self)
        let withMemory = machine.nodes.indices.filter { machine.nodes[$0].memoryBytes > 0 }
        #expect(Set(memory.zones.map(\.node)) == Set(withMemory))
        #expect(memory.zones.allSatisfy { $0.free > $0.high && $0.low > $0.minimum })
        #expect(memory.zones.allSatisfy { $0.freeBlocks.count == 11 })
        #expect(memory.gaps == Gaps())
        let allocated = machine.nodes.indices.reduce(0) {
            $0 + machine.pagesAllocated(on: $1, after: Self.seconds)
                - machine.pagesAllocated(on: $1, after: 0)
        }
        #expect(try window(VirtualMemory.self)["numa_hit"] == allocated)
    }

    private func expectDisks(_ disks: Disks, _ machine: Machine) {
        #expect(disks.disks.map(\.name) == machine.drives.map { $0.names[1] })
        #expect(disks.disks.allSatisfy { $0.reads == Machine.readsPerSecond * Self.seconds })
        #expect(disks.disks.allSatisfy { $0.writes == Machine.writesPerSecond * Self.seconds })
    }

    private func expectCPUs(_ cpus: CPUs, _ machine: Machine) {
        #expect(cpus.cpus.map(\.id) == machine.online)
        // Ticks of 10 ms add up to the time that passed.
        #expect(cpus.cpus.allSatisfy { $0.total == Self.seconds * 1_000_000_000 })
        #expect(cpus.cpus.allSatisfy { $0.idle > $0.total / 2 })
    }

    private func expectJob(_ window: Window, _ machine: Machine) throws {
        let threads = try window(Threads.self)
        let tids = machine.ranks.flatMap { $0.threads + $0.loaders }
        #expect(threads.threads.map(\.tid) == tids.sorted())
        #expect(threads.threads.allSatisfy { $0.time[.running] <= $0.time.total })
        let groups = try window(Cgroups.self).groups
        #expect(groups.map(\.path) == ["/", "/job.slice", Machine.jobGroup])
        #expect(groups.allSatisfy { $0.pids == machine.jobPids.sorted() })
        #expect(groups.last?.cpus?.effective == CPUList(machine.online).description)
    }

    private func expectPower(_ power: Power, _ machine: Machine) {
        let running = power.cpus.filter { !machine.offline.contains($0.id) }
        #expect(running.map(\.id) == machine.online)
        let entries = Machine.idleEntriesPerSecond * Self.seconds
        let states = machine.power?.idleStates.count ?? 0
        #expect(
            running.allSatisfy {
                $0.idleEntries == [UInt64](repeating: entries, count: states)
                    && $0.kilohertz == machine.power?.maximumKilohertz && $0.thermalThrottles == 0
            })
    }
}
