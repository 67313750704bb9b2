import Host
import Signals

/// Watches the rhythm of launch threads: one cheap look at each about every 20 ms.
struct StepWatcher {
    /// Launch threads that are looked at. More ranks on one host tell nothing new.
    static let mostThreads = 16

    /// Looks after which a series that was begun anew speaks for itself: ten seconds. Judgement.
    private static let leastLooks = 512

    private var files: [Int32: KeptFile] = [:]
    private var series: [Int32: StepSeries] = [:]
    /// What was clear before the series were begun anew.
    private var known: [Int32: Double] = [:]
    /// What was read last: time on a CPU, and time runnable without one.
    private var times: [UInt64] = []

    /// Watches these threads from now on, and no others.
    mutating func follow(_ threads: [(pid: Int32, tid: Int32)], on host: Host) {
        let chosen = threads.prefix(Self.mostThreads)
        let tids = Set(chosen.map(\.tid))
        files = files.filter { tids.contains($0.key) }
        for (pid, tid) in chosen where files[tid] == nil {
            files[tid] = KeptFile("/proc/\(pid)/task/\(tid)/schedstat", on: host)
            series[tid] = StepSeries()
        }
    }

    /// Lets go of what is known of threads that are not looked at any more.
    mutating func forgetOthers() {
        guard series.count > files.count else { return }
        series = series.filter { files[$0.key] != nil }
        known = known.filter { files[$0.key] != nil }
    }

    mutating func beginAnew() {
        known = series.compactMapValues(\.stepMilliseconds)
        for tid in series.keys { series[tid] = StepSeries() }
    }

    mutating func look() {
        for (tid, file) in files {
            let now = monotonicNanoseconds()
            guard file.read(2, into: &times) else {
                files[tid] = nil
                continue
            }
            series[tid]?.add(at: now, running: times[0], waiting: times[1])
        }
    }

    /// What is clear of the steps of one thread.
    func stepMilliseconds(of tid: Int32) -> Double? {
        guard let series = series[tid] else { return nil }
        let isNew = series.times.count < Self.leastLooks
        return series.stepMilliseconds ?? (isNew ? known[tid] : nil)
    }
    /// Whether the pace of the thread may be set by what takes its CPU.
    func isHeldUpInBouts(_ tid: Int32) -> Bool { series[tid]?.isHeldUpInBouts ?? false }
}
