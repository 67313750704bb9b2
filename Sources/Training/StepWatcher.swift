import Host
import Signals

/// Watches the rhythm of launch threads: one cheap look at each about every 20 ms.
struct StepWatcher {
    /// Launch threads that are looked at. More ranks on one host tell nothing new.
    static let mostThreads = 16

    private var files: [Int32: KeptFile] = [:]
    private var series: [Int32: StepSeries] = [:]
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

    mutating func look() {
        for (tid, file) in files {
            let now = monotonicNanoseconds()
            guard file.read(2, into: &times) else {
                files[tid] = nil
                continue
            }
            series[tid]?.add(at: now, busy: times[0] &+ times[1])
        }
    }

    /// What is clear of the steps of one thread.
    func stepMilliseconds(of tid: Int32) -> Double? { series[tid]?.stepMilliseconds }
}
