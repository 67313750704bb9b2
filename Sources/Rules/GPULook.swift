import Correlation
import Fabric
import Host
import Signals
import Training

/// Lost time of the job's ranks laid against what their GPUs did: who computes on which GPU, and
/// a value for each window of the timeline.
struct GPULook {
    /// Launch threads by the PCI address of the GPU that they feed, and threads of their loaders.
    private var launching: [String: Set<Int32>] = [:]
    private var loading: [String: Set<Int32>] = [:]
    private let observation: Observation
    private let meter: DoseMeter
    /// Of each window, how much the worst port could not send, 0 to 1.
    private let fabric: [Double]

    init(_ observation: Observation, of findings: [Finding]) {
        self.observation = observation
        let threads = (try? observation.threads())?.threads ?? []
        for thread in threads {
            switch observation.job.role(thread.tid) {
            case .launch:
                for pci in observation.job.process(thread.pid)?.gpus ?? [] {
                    launching[pci, default: []].insert(thread.tid)
                }
            case .loader:
                for pci in observation.job.gpus(fedBy: thread.pid) {
                    loading[pci, default: []].insert(thread.tid)
                }
            default: break
            }
        }
        fabric = observation.timeline.map(observation.congestion)
        meter = DoseMeter(
            observation, of: findings,
            launching: launching.values.reduce(into: []) { $0.formUnion($1) },
            loading: loading.values.reduce(into: []) { $0.formUnion($1) })
    }

    /// The GPUs of the job that their driver tells of, with series by window.
    var look: Look {
        let gpus = ((try? observation.whole(GPUs.self)) ?? GPUs()).gpus
        var start: UInt64 = 0
        let spans = observation.timeline.map { window in
            defer { start &+= window.nanoseconds }
            return Span(start: start, length: window.nanoseconds)
        }
        return Look(
            windows: spans,
            gpus: gpus.compactMap { gpu in launching[gpu.pci].map { series(gpu.pci, $0) } })
    }

    /// Share of its time that the GPU idled although nobody kept its launch threads from working:
    /// idle time beyond the time in which one of them was awake or held up, 0 to 1.
    func idleBesideSleep(of pci: String) -> Double {
        let tids = launching[pci] ?? []
        var (unexplained, seen) = (0.0, 0.0)
        for window in observation.timeline {
            guard let idle = (try? window(GPUs.self))?[pci]?.activity.idleShare,
                let threads = try? window(Threads.self), window.nanoseconds > 0
            else { continue }
            let length = Double(window.nanoseconds)
            let awake = threads.threads.lazy.filter { tids.contains($0.tid) }.map(\.awake).max()
            seen += length
            unexplained += max(0, idle * length - Double(awake ?? 0))
        }
        return seen > 0 ? unexplained / seen : 0
    }

    /// Share of its time that the GPU idled while its launch threads worked longer than those of
    /// the other GPUs did, 0 to 1; 0 where there are too few others to tell.
    func idleBesideOwnWork(of pci: String) -> Double {
        let others = launching.keys.filter { $0 != pci }
        guard let tids = launching[pci], others.count >= Self.fewestOthers else { return 0 }
        var (own, seen) = (0.0, 0.0)
        for window in observation.timeline {
            guard let idle = (try? window(GPUs.self))?[pci]?.activity.idleShare,
                let running = runningShare(window, tids)
            else { continue }
            let usual = others.compactMap { runningShare(window, launching[$0] ?? []) }.sorted()
            let length = Double(window.nanoseconds)
            seen += length
            own += min(idle, max(0, running - usual[usual.count / 2])) * length
        }
        return seen > 0 ? own / seen : 0
    }

    /// Fewer GPUs do not say what is usual: judgement.
    private static let fewestOthers = 3

    /// Who shares a GPU trains together as far as that GPU is concerned: the first one stands for all.
    private func job(on pci: String) -> String {
        processes(on: pci).min().map(observation.job.group) ?? ""
    }

    func processes(on pci: String) -> [Int32] {
        observation.job.processes.filter { $0.gpus.contains(pci) }.map(\.pid)
    }

    private func series(_ pci: String, _ tids: Set<Int32>) -> Correlation.GPUSeries {
        let readings = observation.timeline.map { (try? $0(GPUs.self))?[pci] }
        var series = GPUSeries(
            gpu: pci, job: job(on: pci), idle: readings.map { $0?.activity.idleShare })
        series.running = observation.timeline.map { runningShare($0, tids) }
        series.held = readings.map { $0?.limits.heldShare ?? 0 }
        series.fabric = fabric
        series.excluded = readings.map { reading in
            guard let reading else { return nil }
            return reading.isLost || !reading.xids.isEmpty ? .error : nil
        }
        series.doses = meter.doses(of: tids.union(loading[pci] ?? []))
        return series
    }

    /// Of a window, on a CPU or wanting one: what is left of it is waiting for the GPU.
    private func runningShare(_ window: Window, _ tids: Set<Int32>) -> Double? {
        guard let threads = try? window(Threads.self), window.nanoseconds > 0 else { return nil }
        let running =
            threads.threads.lazy.filter { tids.contains($0.tid) }
            .map { $0.time[.running] }.max() ?? 0
        return min(1, Double(running) / Double(window.nanoseconds))
    }
}

extension Job {
    /// PCI addresses of the GPUs that the nearest rank above a process computes on.
    func gpus(fedBy pid: Int32) -> [String] {
        var seen: Set<Int32> = [pid]
        var parent = process(pid)?.parent
        while let one = parent, seen.insert(one).inserted {
            if let gpus = process(one)?.gpus, !gpus.isEmpty { return gpus }
            parent = process(one)?.parent
        }
        return []
    }
}

extension Observation {
    /// Of a window in which the fabric was congested, 0 to 1: a little waiting is usual.
    fileprivate func congestion(_ window: Window) -> Double {
        let ports = ((try? window(FabricPorts.self)) ?? FabricPorts()).ports
        let waits = ports.lazy.filter { !$0.facts.isSoftware }
            .compactMap { SendWait($0, window) }.filter(\.isMuch)
        return (waits.map(\.percent).max() ?? 0) / 100
    }
}

extension Label {
    /// Two findings may have cause and culprit in common.
    init(_ place: Int, of finding: Finding) {
        self.init(cause: finding.rule, culprit: "\(place)")
    }

    /// Place of the finding that it stands for.
    var place: Int? { Int(culprit) }
}

extension GPUActivity {
    /// Share of the time that the driver told of; `nil` where it told of none.
    fileprivate var idleShare: Double? {
        guard let active, let observed, observed > 0 else { return nil }
        return 1 - min(1, Double(active) / Double(observed))
    }
}

extension GPULimits {
    /// Share of the time that was looked at with heat or the power supply slowing it down, 0 to 1.
    /// A power limit is not among them: a busy GPU runs into it.
    fileprivate var heldShare: Double {
        let longest = ClockLimit.slowdowns.compactMap { held[$0] }.max() ?? 0
        return watched > 0 ? min(1, Double(longest) / Double(watched)) : 0
    }
}
