import Fabric
import Foundation
import Host
import Machines
import Outputs
import Rules
import Signals
import Training

/// Writes a scrape of each profile in each format into the folder named on the command line, for
/// Tests/metrics.py, and says what each costs.
@main struct MetricsSamples {
    static func main() throws {
        guard let folder = CommandLine.arguments.dropFirst().first else {
            FileHandle.standardError.write(Data("usage: metrics-samples FOLDER\n".utf8))
            exit(2)
        }
        for profile in try Profile.all() {
            for (format, ending) in [(ExpositionFormat.text, "txt"), (.openMetrics, "om")] {
                let body = exposition(profile.snapshot, format)
                let path = "\(folder)/\(profile.name).\(ending)"
                try Data(body.utf8).write(to: URL(fileURLWithPath: path))
            }
            let series = exposition(profile.snapshot, .text).split(separator: "\n")
                .count { !$0.hasPrefix("#") }
            print(
                "\(profile.name)  \(series) series  render \(profile.renderMilliseconds) ms"
                    + "  add \(profile.addMilliseconds) ms of CPU time")
        }
    }
}

/// What a daemon would know after some ticks.
struct Profile {
    var name: String
    var snapshot: MetricsSnapshot
    var addMilliseconds = 0.0

    static func all() throws(FileError) -> [Profile] {
        let training = try observation(.faultyFabric) { machine, totals, seconds in
            machine.addInterruptLoad(&totals, seconds)
            machine.addForeignWork(&totals, seconds)
        }
        return [
            Profile(
                name: "empty", snapshot: MetricsSnapshot(counters: .init(), look: nil, own: own)),
            Profile("idle", try observation(.workstation) { _, _, _ in }),
            Profile("training", training),
            Profile("large", try large()),
            Profile("hostile", hostile(training)),
            Profile("degraded", degraded(training)),
        ]
    }

    init(name: String, snapshot: MetricsSnapshot) {
        self.name = name
        self.snapshot = snapshot
    }

    /// Every second of the timeline was a tick.
    init(_ name: String, _ observation: Observation) {
        let diagnosis = diagnose(catalogue, observation)
        var counters = MetricCounters()
        let before = clock()
        for step in observation.timeline { counters.add(step, observation, diagnosis) }
        let spent = Double(clock() - before) / Double(CLOCKS_PER_SEC) * 1_000
        self.name = name
        snapshot = MetricsSnapshot(
            counters: counters,
            look: MetricsSnapshot.Look(
                observation.timeline.last ?? observation.whole, observation, diagnosis),
            own: Self.own)
        addMilliseconds = spent / Double(max(1, observation.timeline.count))
    }

    var renderMilliseconds: Double {
        let times = (0..<9).map { _ in
            let before = clock()
            _ = exposition(snapshot, .text)
            return Double(clock() - before) / Double(CLOCKS_PER_SEC) * 1_000
        }
        return times.sorted()[times.count / 2]
    }

    private static var own: SelfReport {
        var own = SelfReport()
        own.version = "0.1.0"
        own.probes = (0..<26).map {
            SelfReport.Probe(
                probe: "ledger", hook: "hook_\($0)", isAttached: $0 % 9 != 0, runs: 1234.5,
                seconds: 0.012)
        }
        own.http.requests = ["/metrics", "/report", "/", "other"].flatMap { path in
            [200, 404, 429].map { SelfReport.Requests(path: path, status: $0, count: 7) }
        }
        own.history = SelfReport.History()
        own.luxuries = ["steps", "affinity"]
        return own
    }

    private static func observation(
        _ machine: Machine, _ disturb: (Machine, inout Readings, UInt64) -> Void
    ) throws(FileError) -> Observation {
        let tree = Tree()
        try machine.write(to: tree)
        var observation = try Recording(of: machine, in: tree, for: 10).observation {
            disturb(machine, &$0, $1)
        }
        for index in observation.timeline.indices {
            addGPUs(machine, &observation.timeline[index])
        }
        return observation
    }

    /// 256 CPUs, 8 nodes, 1,000 busy interrupts, 4,000 threads, 8 GPUs, 8 adapters.
    private static func large() throws(FileError) -> Observation {
        var machine = Machine.eightSockets
        machine.ranks = []
        machine.addRanks(nodes: Array(machine.nodes.indices), threads: 492, loaders: 8)
        machine.vectorRate = 2_000
        var large = try observation(machine) { machine, totals, seconds in
            machine.addInterruptLoad(&totals, seconds)
            machine.addForeignWork(&totals, seconds)
        }
        let fabric = try observation(.faultyFabric) { _, _, _ in }
        for (index, step) in fabric.timeline.enumerated() {
            large.timeline[index].change[FabricPorts.self] = step.change[FabricPorts.self]
            large.timeline[index].change[GPUs.self] = step.change[GPUs.self]
        }
        return large
    }

    /// A driver that tells everything it can.
    private static func addGPUs(_ machine: Machine, _ step: inout Window) {
        let gpus = (0..<8).map { number in
            var gpu = GPUReading(pci: "0000:\(number)a:00.0")
            gpu.activity.active = 700_000_000
            gpu.activity.observed = 1_000_000_000
            gpu.smMegahertz = 1_980
            gpu.memoryMegahertz = 2_619
            gpu.celsius = 61
            gpu.memoryCelsius = 74
            gpu.milliwatts = 498_000
            gpu.energyMillijoules = 498_000
            gpu.memoryUsedBytes = 40 << 30
            gpu.health.newCorrected = 1
            gpu.health.newUncorrected = 0
            gpu.link.replays = 3
            for limit in ClockLimit.allCases { gpu.limits.held[limit] = 1_000_000 }
            gpu.xids = (0..<12).map { XID(time: UInt64($0), code: 13 + $0) }
            return gpu
        }
        step.change[GPUs.self] = .success(GPUs(gpus: gpus))
    }

    /// Names that want to be something else.
    private static func hostile(_ observation: Observation) -> Observation {
        var hostile = observation
        var dice = SystemRandomNumberGenerator()
        func name() -> String {
            let bytes = (0..<Int.random(in: 0...40, using: &dice)).map { _ in
                UInt8.random(in: 1...255, using: &dice)
            }
            return String(decoding: bytes, as: UTF8.self)
                + ["\"} 1\n", "\\", "\u{202e}x", "<script>", "\u{2028}"].randomElement()!
        }
        for index in hostile.timeline.indices {
            guard var threads = try? hostile.timeline[index](Threads.self) else { continue }
            threads.waits = (0..<2_000).map {
                Wait(
                    tid: threads.threads[$0 % threads.threads.count].tid,
                    culprit: Culprit(kind: .process, id: Int32($0 + 1), name: name()),
                    nanoseconds: UInt64.random(in: 0...3_000_000, using: &dice))
            }
            hostile.timeline[index].change[Threads.self] = .success(threads)
            let disks = (0..<500).map { number in
                var disk = DiskActivity(name: name())
                disk.reads = UInt64(number + 1)
                return disk
            }
            hostile.timeline[index].change[Disks.self] = .success(Disks(disks: disks))
            if var ports = try? hostile.timeline[index](FabricPorts.self) {
                for place in ports.ports.indices { ports.ports[place].facts.device = name() }
                hostile.timeline[index].change[FabricPorts.self] = .success(ports)
            }
        }
        return hostile
    }

    /// Hardly anything can be read.
    private static func degraded(_ observation: Observation) -> Observation {
        var poor = observation
        for index in poor.timeline.indices {
            let vmstat = poor.timeline[index].change[VirtualMemory.self]
            poor.timeline[index].change = Readings()
            poor.timeline[index].change[VirtualMemory.self] = vmstat
        }
        return poor
    }
}
