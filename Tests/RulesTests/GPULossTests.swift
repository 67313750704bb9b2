import Fabric
import Host
import Rules
import Signals
import Testing
import Training

private let second: UInt64 = 1_000_000_000

/// A job of eight ranks with a GPU each, seen for ten seconds.
private struct Scene {
    /// By rank and second: ns.
    var idle: (Int, Int) -> UInt64 = { _, _ in 0 }
    var waiting: (Int, Int) -> UInt64 = { _, _ in 0 }
    var running: (Int, Int) -> UInt64 = { _, _ in 50_000_000 }
    var count = 8

    private let hog = Culprit(kind: .process, id: 9_000, name: "hog")

    func address(_ rank: Int) -> String { "0000:0\(rank):00.0" }

    private func readings(_ seconds: Range<Int>) -> Readings {
        var readings = Readings()
        let length = UInt64(seconds.count) * second
        readings[GPUs.self] = .success(
            GPUs(
                gpus: (0..<count).map { rank in
                    var gpu = GPUReading(pci: address(rank))
                    let idle = seconds.reduce(0) { $0 + self.idle(rank, $1) }
                    (gpu.activity.active, gpu.activity.observed) = (length - idle, length)
                    return gpu
                }))
        var threads = Threads(method: .probes, threads: [], waits: [])
        for rank in 0..<count {
            let tid = Int32(100 + rank)
            var thread = ThreadActivity(tid: tid, pid: tid, name: "python")
            thread.time[.waiting] = seconds.reduce(0) { $0 + waiting(rank, $1) }
            thread.time[.running] = seconds.reduce(0) { $0 + running(rank, $1) }
            thread.time[.sleeping] = length - thread.time[.waiting] - thread.time[.running]
            threads.threads.append(thread)
            threads.waits.append(
                Wait(tid: tid, culprit: hog, nanoseconds: thread.time[.waiting]))
        }
        readings[Threads.self] = .success(threads)
        return readings
    }

    var observation: Observation {
        var observation = Observation(
            whole: Window(nanoseconds: 10 * second, change: readings(0..<10)),
            timeline: (0..<10).map {
                Window(nanoseconds: second, change: readings($0..<$0 + 1))
            })
        for rank in 0..<count {
            var process = ProcessFacts(pid: Int32(100 + rank), name: "python")
            process.gpus = [address(rank)]
            observation.job.processes.append(process)
            observation.job.roles[Int32(100 + rank)] = .launch
        }
        return observation
    }

    var diagnosis: Diagnosis { diagnose(catalogue, observation) }
}

/// Lost time of ranks laid against idle time of their GPUs, on plain values.
@Suite struct GPULossTests {
    @Test func busyGPUsOfAQuietHostAreHealthy() {
        let diagnosis = Scene().diagnosis
        #expect(diagnosis.verdict == .healthy)
        #expect(diagnosis.gpus.map(\.idleShare) == Array(repeating: 0, count: 8))
        #expect(diagnosis.gpus.allSatisfy { $0.parts.isEmpty })
    }

    @Test func aHogCostsTheGPUOfItsVictimAndNoOther() throws {
        var scene = Scene()
        scene.waiting = { rank, at in rank == 3 ? 300_000_000 + UInt64(at) * 10_000_000 : 0 }
        scene.idle = { rank, at in rank == 3 ? 280_000_000 + UInt64(at) * 10_000_000 : 3_000_000 }
        let diagnosis = scene.diagnosis
        #expect(diagnosis.verdict == .hostBound)
        let first = try #require(diagnosis.findings.first)
        #expect(first.rule == "noisy-neighbour")
        // 0.325 of one GPU in eight, less what the others idle too.
        let share = try #require(first.cost.gpuIdleShare)
        #expect(share > 0.8 * 0.322 / 8 && share < 1.2 * 0.322 / 8, "\(share)")
        for (rank, gpu) in diagnosis.gpus.enumerated() {
            #expect(gpu.parts.map(\.rule) == (rank == 3 ? ["noisy-neighbour"] : []))
            #expect(gpu.hostShare + gpu.programShare + gpu.unexplainedShare <= gpu.idleShare + 1e-9)
        }
        #expect(diagnosis.gpus[3].parts.first?.confidence == .measured)
    }

    /// What queued work hides is no reason for alarm; without the GPU's word it is.
    @Test func aLossThatTheGPUDidNotFeelIsAWarningAtMost() throws {
        var scene = Scene()
        scene.waiting = { rank, _ in rank == 3 ? 300_000_000 : 0 }
        scene.idle = { _, _ in 40_000_000 }
        let first = try #require(scene.diagnosis.findings.first)
        #expect(first.rule == "noisy-neighbour" && first.severity == .warning)
        #expect(first.summary.hasSuffix("the GPU had work queued and idled for only 4.0 %"))
        #expect(abs((first.evidence.last?.value ?? 0) - 0.04) < 1e-9)
        scene.idle = { rank, _ in rank == 3 ? 60_000_000 : 40_000_000 }
        #expect(scene.diagnosis.findings.first?.severity == .critical)
        scene.idle = { _, _ in 40_000_000 }
        // With a loader hit, too, it is any GPU of the job that might have felt it.
        var mixed = scene.observation
        if case .success(var threads) = mixed.whole.change[Threads.self] {
            var loader = ThreadActivity(tid: 201, pid: 201, name: "python")
            (loader.time[.waiting], loader.time[.running]) = (5 * second, 5 * second)
            threads.threads.append(loader)
            threads.waits.append(
                Wait(
                    tid: 201, culprit: Culprit(kind: .process, id: 9_000, name: "hog"),
                    nanoseconds: 5 * second))
            mixed.whole.change[Threads.self] = .success(threads)
        }
        mixed.job.processes.append(ProcessFacts(pid: 201, parent: 103, name: "python"))
        mixed.job.roles[201] = .loader
        let both = try #require(diagnose(catalogue, mixed).findings.first)
        #expect(Set(both.affected.map(\.role)) == [.launch, .loader])
        #expect(both.severity == .warning)
        var blind = scene.observation
        blind.whole.change[GPUs.self] = .failure(Unavailable("no driver"))
        #expect(diagnose(catalogue, blind).findings.first?.severity == .critical)
    }

    @Test func aLaunchThreadAtWorkIsTheProgramsOwnDoing() throws {
        var scene = Scene()
        scene.running = { rank, _ in rank == 5 ? 400_000_000 : 50_000_000 }
        scene.idle = { rank, _ in rank == 5 ? 330_000_000 : 1_000_000 }
        let diagnosis = scene.diagnosis
        #expect(diagnosis.verdict == .notHost)
        #expect(diagnosis.findings.allSatisfy { $0.severity == .info })
        let gap = try #require(diagnosis.findings.first { $0.rule == "python-gc-launch-gap" })
        #expect(gap.culprit?.id == scene.address(5))
        #expect(abs(diagnosis.gpus[5].programShare - 0.33) < 0.01, "\(diagnosis.gpus[5])")
    }

    @Test func idleBesideASleepingLaunchThreadIsUnexplained() {
        var scene = Scene(count: 1)
        scene.idle = { _, _ in 300_000_000 }
        let diagnosis = scene.diagnosis
        #expect(diagnosis.verdict == .notHost)
        #expect(diagnosis.findings.map(\.rule).contains("nothing-found"))
        #expect(diagnosis.gpus.map(\.hostShare) == [0])
    }

    @Test func idleWhileTheFabricTakesNothingIsTheFabrics() throws {
        var scene = Scene()
        scene.idle = { _, at in at < 5 ? 300_000_000 : 2_000_000 }
        var observation = scene.observation
        func ports(_ seconds: Range<Int>) -> FabricPorts {
            var facts = FabricPortFacts(device: "mlx5_0", port: 1)
            (facts.layer, facts.state, facts.gigabits, facts.lanes) =
                (.infiniBand, "ACTIVE", 400, 4)
            (facts.address, facts.driver) = ("0000:0f:00.0", "mlx5_core")
            var port = FabricPort(facts)
            // Ticks of 64 bytes in two fifths of each of the first five seconds.
            let congested = UInt64(seconds.filter { $0 < 5 }.count)
            port.port = FabricCounters(["port_xmit_wait": congested * 50_000_000_000 * 2 / 5 / 64])
            return FabricPorts(ports: [port])
        }
        observation.whole.change[FabricPorts.self] = .success(ports(0..<10))
        for at in 0..<10 {
            observation.timeline[at].change[FabricPorts.self] = .success(ports(at..<at + 1))
        }
        let diagnosis = diagnose(catalogue, observation)
        #expect(diagnosis.verdict == .notHost)
        for gpu in diagnosis.gpus {
            #expect(gpu.fabricShare > 0.8 * gpu.idleShare && gpu.hostShare == 0, "\(gpu)")
            #expect(gpu.hostShare + gpu.otherShare <= gpu.idleShare + 1e-9)
        }
        #expect(diagnosis.findings.first?.rule == "ib-congestion")
    }

    @Test func whatTheHostCausedIsNotCalledUnexplained() {
        var scene = Scene(count: 1)
        scene.waiting = { _, at in at.isMultiple(of: 2) ? 500_000_000 : 0 }
        scene.idle = { _, at in at.isMultiple(of: 2) ? 480_000_000 : 100_000_000 }
        let diagnosis = scene.diagnosis
        #expect(diagnosis.verdict == .hostBound)
        #expect(!diagnosis.findings.map(\.rule).contains("nothing-found"))
    }

    /// What another program's GPU does says nothing about this one's.
    @Test func anotherJobIsNoPeer() {
        var scene = Scene()
        scene.waiting = { rank, _ in rank == 3 ? 120_000_000 : 0 }
        scene.idle = { rank, _ in rank == 3 ? 400_000_000 : 3_000_000 }
        var observation = scene.observation
        let confidence = { diagnose(catalogue, observation).gpus[3].parts.map(\.confidence) }
        #expect(confidence() == [.measured])
        observation.job.processes[3].command = "python eval.py"
        #expect(confidence() == [.associated])
        #expect(diagnose(catalogue, observation).gpus.count == 8)
    }

    @Test func aGPUThatNobodyOfTheJobUsesIsLeftOut() {
        var observation = Scene().observation
        observation.job.processes[2].gpus = []
        #expect(diagnose(catalogue, observation).gpus.count == 7)
    }

    /// One rank with a GPU that idles 30 %, and two loaders that compute for `working` ms of each
    /// second on CPUs of which one idles for `idle` ms.
    private func starving(working: UInt64, idle: UInt64) -> Observation {
        var scene = Scene(count: 1)
        scene.idle = { _, _ in 300_000_000 }
        var observation = scene.observation
        func add(_ seconds: UInt64, to readings: inout Readings) {
            guard case .success(var threads) = readings[Threads.self] else { return }
            for tid in [Int32(201), 202] {
                var loader = ThreadActivity(tid: tid, pid: tid, name: "python")
                loader.time[.running] = seconds * working * 1_000_000
                loader.time[.sleeping] = seconds * (1_000 - working) * 1_000_000
                threads.threads.append(loader)
            }
            readings[Threads.self] = .success(threads)
            var cpus = [0, 1, 2].map(CPUActivity.init)
            for place in cpus.indices {
                cpus[place].idle = place == 2 ? seconds * idle * 1_000_000 : 0
                cpus[place].watched = seconds * second - cpus[place].idle
            }
            readings[CPUs.self] = .success(CPUs(cpus: cpus))
        }
        add(10, to: &observation.whole.change)
        for place in 0..<10 { add(1, to: &observation.timeline[place].change) }
        observation.facts.topology.online = CPUList(0..<3)
        for pid in [Int32(201), 202] {
            var loader = ProcessFacts(pid: pid, parent: 100, name: "python")
            loader.allowed = CPUList(0..<3)
            observation.job.processes.append(loader)
            observation.job.roles[pid] = .loader
        }
        return observation
    }

    @Test func loadersThatNeverRestAreTooFewWhereCPUsIdle() throws {
        func rules(_ observation: Observation) -> [String] {
            diagnose(catalogue, observation).findings.map(\.rule)
                .filter { ["loader-workers-too-few", "nothing-found"].contains($0) }
        }
        let observation = starving(working: 900, idle: 900)
        #expect(rules(observation) == ["loader-workers-too-few"])
        let diagnosis = diagnose(catalogue, observation)
        #expect(diagnosis.verdict == .notHost)
        let finding = try #require(
            diagnosis.findings.first { $0.rule == "loader-workers-too-few" })
        #expect(finding.fix.commands == ["DataLoader(..., num_workers=3, prefetch_factor=4)"])
        #expect(!finding.summary.contains("no time left"))
        #expect(rules(starving(working: 899, idle: 900)) == ["nothing-found"])
        #expect(rules(starving(working: 900, idle: 899)) == ["nothing-found"])
        // CPUs that they may not use do not feed the GPU by more workers alone.
        var confined = observation
        for place in confined.job.processes.indices {
            confined.job.processes[place].allowed = CPUList([0])
        }
        let told = diagnose(catalogue, confined).findings
            .first { $0.rule == "loader-workers-too-few" }
        #expect(told?.summary.contains("CPU 0, all that they may use, has no time left") == true)
    }
}
