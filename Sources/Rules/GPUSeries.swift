import Host
import Signals
import Training

/// What one GPU did in each window of the timeline, and what its ranks did meanwhile.
struct GPUSeries {
    var pci: String
    /// Launch threads of the processes that compute on it.
    var launchThreads: Set<Int32>
    var steps: [Step]

    struct Step {
        /// Length of the window, ns.
        var nanoseconds: UInt64
        /// Share of it for which nothing ran on the GPU, 0 to 1; `nil` where the driver did not say.
        var idle: Double?
        /// Share of the launch threads' time that was their own work on a CPU, 0 to 1.
        var launchRunning: Double
        /// The GPU held its own clocks down, or failed.
        var isHeldBack: Bool
    }

    /// Of all time that the driver told of; `nil` where it told of none.
    var idleShare: Double? {
        let seen = steps.compactMap { step in step.idle.map { ($0, Double(step.nanoseconds)) } }
        let time = seen.reduce(0) { $0 + $1.1 }
        return time > 0 ? seen.reduce(0) { $0 + $1.0 * $1.1 } / time : nil
    }
}

extension Observation {
    /// The GPUs that the job computes on, in the order of their PCI addresses.
    func gpuSeries() -> [GPUSeries] {
        guard let whole = try? whole(GPUs.self), let threads = try? threads() else { return [] }
        var launching: [String: Set<Int32>] = [:]
        for thread in threads.threads where job.role(thread.tid) == .launch {
            for pci in job.process(thread.pid)?.gpus ?? [] {
                launching[pci, default: []].insert(thread.tid)
            }
        }
        return whole.gpus.compactMap { gpu in
            guard let tids = launching[gpu.pci] else { return nil }
            return GPUSeries(
                pci: gpu.pci, launchThreads: tids,
                steps: timeline.map { step(of: gpu.pci, launchedBy: tids, in: $0) })
        }
    }

    private func step(
        of pci: String, launchedBy tids: Set<Int32>, in window: Window
    ) -> GPUSeries.Step {
        let reading = (try? window(GPUs.self))?[pci]
        let launch = ((try? window(Threads.self))?.threads ?? []).filter { tids.contains($0.tid) }
        let running = launch.reduce(0) { $0 &+ $1.time[.running] }
        let wall = Double(window.nanoseconds) * Double(tids.count)
        return GPUSeries.Step(
            nanoseconds: window.nanoseconds, idle: reading?.activity.idleShare,
            launchRunning: wall > 0 ? min(1, Double(running) / wall) : 0,
            isHeldBack: reading?.isHeldBack ?? false)
    }
}

extension GPUActivity {
    /// Share of the time that the driver told of; `nil` where it told of none.
    var idleShare: Double? {
        guard let active, let observed, observed > 0 else { return nil }
        return 1 - min(1, Double(active) / Double(observed))
    }
}

extension GPUReading {
    /// Heat, the power supply or an error held it back in this window.
    var isHeldBack: Bool {
        isLost || !xids.isEmpty || limits.slowdowns > 0
            || ClockLimit.slowdowns.contains { (limits.held[$0] ?? 0) > 0 }
    }
}
