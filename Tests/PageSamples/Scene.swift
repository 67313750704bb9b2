import Foundation
import Host
import Machines
import Outputs
import Rules
import Signals
import Training

/// A report and an hour that the page is made of.
struct Scene {
    var name: String
    var report: PageReport?
    var hour = HourOfSums()
    var notes: [String] = []
    var host = "gpu-17"

    static let now = 1_767_229_200.0

    var page: String {
        hostPage(
            report, hour: hour,
            about: PageAbout(host: host, version: "0.1.0", now: Self.now, notes: notes))
    }

    /// CPU time of one page, the median of some.
    var milliseconds: Double {
        let times = (0..<19).map { _ in
            let before = clock()
            _ = page
            return Double(clock() - before) / Double(CLOCKS_PER_SEC) * 1_000
        }
        return times.sorted()[times.count / 2]
    }

    static func all() throws(FileError) -> [Scene] {
        let training = try troubled(.faultyFabric)
        return [
            Scene(name: "starting", notes: ["the first look takes ten seconds"]),
            try quiet(), training, try machine(),
            hostile(training), try large(),
        ]
    }

    private static func report(_ observation: Observation) -> PageReport {
        var observation = observation
        observation.startedAt = now - observation.whole.seconds
        let diagnosis = diagnose(catalogue, observation)
        return PageReport(
            observation, diagnosis,
            since: diagnosis.findings.indices.map { now - 754 - Double($0) },
            rules: catalogue)
    }

    private static func recording(of machine: Machine) throws(FileError) -> Recording {
        let tree = Tree()
        try machine.write(to: tree)
        return try Recording(of: machine, in: tree, for: 10)
    }

    /// A job that nothing holds up.
    private static func quiet() throws(FileError) -> Scene {
        let machine = Machine.dgxH100
        let observation = try recording(of: machine).observation { totals, seconds in
            machine.addGPUs(&totals, busy: 100, seconds)
        }
        let report = report(observation)
        return Scene(name: "quiet", report: report, hour: hour(report) { _ in 0 })
    }

    /// A job behind strangers, with interrupts on its CPUs and a bad fabric; there was a pause.
    private static func troubled(_ machine: Machine) throws(FileError) -> Scene {
        let observation = try recording(of: machine).observation { totals, seconds in
            machine.addInterruptLoad(&totals, seconds)
            machine.addForeignWork(&totals, seconds)
            machine.addMigrations(&totals, seconds)
            machine.addGPUs(&totals, busy: 71, seconds)
        }
        let report = report(observation)
        let hour = hour(report) { minute in minute < 18 ? 0.2 : minute < 44 ? 1 : 2.1 }
        return Scene(
            name: "training", report: report, hour: hour,
            notes: ["probe block was left out to keep to the overhead budget"])
    }

    /// Nobody trains.
    private static func machine() throws(FileError) -> Scene {
        var machine = Machine.workstation
        machine.ranks = []
        machine.addRanks(nodes: [0, 0, 0], threads: 5, loaders: 2)
        var observation = try recording(of: machine).observation()
        observation.job.scope = .host
        return Scene(name: "machine", report: report(observation))
    }

    /// The largest host there is: 256 CPUs, 4,000 threads, and trouble.
    private static func large() throws(FileError) -> Scene {
        var machine = Machine.eightSockets
        machine.ranks = []
        machine.addRanks(nodes: Array(machine.nodes.indices), threads: 492, loaders: 8)
        var scene = try troubled(machine)
        scene.name = "large"
        return scene
    }

    /// Names that would like to be more than names.
    private static func hostile(_ scene: Scene) -> Scene {
        var scene = scene
        scene.name = "hostile"
        let name =
            "<script id=hostile>document.title='owned'</script>\"'><img src=x onerror=1>"
            + "\u{202e}gnp\u{0}\u{7}" + String(repeating: "&lt;模", count: 2_000)
        scene.host = name
        scene.notes = [name]
        guard var report = scene.report else { return scene }
        report.observation.facts.kernel = name
        for index in report.observation.job.processes.indices {
            report.observation.job.processes[index].command = name
        }
        if var threads = try? report.observation.threads() {
            for index in threads.threads.indices { threads.threads[index].name = name }
            for index in threads.waits.indices { threads.waits[index].culprit.name = name }
            report.observation.whole.change[Threads.self] = .success(threads)
        }
        for index in report.diagnosis.findings.indices {
            report.diagnosis.findings[index].summary = name
            report.diagnosis.findings[index].culprit = FindingCulprit(
                kind: .cgroup, id: name, name: name)
            report.diagnosis.findings[index].fix.commands.append("kill '\(name.prefix(60))'")
            report.diagnosis.findings[index].fix.commands.append(name)
        }
        report.diagnosis.gpus.append(
            GPULoss(pci: name, name: name, processes: [], idleShare: 0.4))
        report.observation.coverage[0].reason = name
        report.observation.coverage[0].state = .degraded
        scene.report = report
        return scene
    }

    /// An hour of this report, with as many times its loss in each minute; two gaps.
    private static func hour(
        _ report: PageReport, loss: (Int) -> Double
    ) -> HourOfSums {
        var hour = HourOfSums()
        guard let threads = try? report.observation.threads() else { return hour }
        let gpus = (try? report.observation.whole(GPUs.self)) ?? GPUs()
        for point in 0..<HourOfSums.count where !(150..<168).contains(point) {
            let wave = 1 + 0.35 * sin(Double(point) / 7) + 0.2 * sin(Double(point) * 1.7)
            let more = loss(point / 6) * wave
            var change = Readings()
            change[Threads.self] = .success(disturbed(threads, more, wave))
            change[GPUs.self] = .success(disturbed(gpus, more, wave))
            var diagnosis = report.diagnosis
            for index in diagnosis.findings.indices {
                diagnosis.findings[index].cost.launchShare? *= min(more, 3)
            }
            hour.add(
                Window(nanoseconds: 10_000_000_000, change: change), report.observation.job,
                diagnosis, at: UInt64(10_000 + point) * 10_000_000_000)
        }
        return hour
    }

    private static func disturbed(_ threads: Threads, _ more: Double, _ wave: Double) -> Threads {
        var threads = threads
        for index in threads.threads.indices {
            for state in ThreadState.allCases where state != .running && state != .sleeping {
                let time = Double(threads.threads[index].time[state]) * more
                threads.threads[index].time[state] = UInt64(time)
            }
            let asleep = Double(threads.threads[index].time[.sleeping]) * wave
            threads.threads[index].time[.sleeping] = UInt64(asleep)
        }
        return threads
    }

    private static func disturbed(_ gpus: GPUs, _ more: Double, _ wave: Double) -> GPUs {
        var gpus = gpus
        for index in gpus.gpus.indices {
            guard let observed = gpus.gpus[index].activity.observed else { continue }
            let idle = min(0.02 + 0.13 * more + 0.02 * wave, 1)
            gpus.gpus[index].activity.active = UInt64(Double(observed) * (1 - idle))
        }
        return gpus
    }
}

extension Machine {
    /// Readings of its GPUs, at work for so many percent of the time.
    fileprivate func addGPUs(_ totals: inout Readings, busy: UInt64, _ seconds: UInt64) {
        let addresses = devices.filter { $0.kind == .gpu }.map(\.address).sorted()
        let gpus = addresses.enumerated().map { index, address in
            var gpu = GPUReading(pci: address)
            gpu.activity.active = (busy - UInt64(index) % 3) * 10_000_000 * seconds
            gpu.activity.observed = 1_000_000_000 * seconds
            gpu.smMegahertz = 1_980
            gpu.milliwatts = 612_000 + UInt64(index) * 3_100
            gpu.celsius = 58 + UInt64(index)
            gpu.memoryUsedBytes = 71 << 30
            gpu.processes = ranks.indices.contains(index) ? [ranks[index].pid] : []
            return gpu
        }
        totals[GPUs.self] = .success(GPUs(gpus: gpus))
    }
}
