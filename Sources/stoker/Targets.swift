import Glibc
import Host
import Training

/// Finds the processes that the user named, or those that train.
struct Targets {
    let host: Host
    let layout: CgroupLayout

    /// Groups below groups are followed this deep.
    private static let deepest = 32

    /// Between two looks at a process that seems to do nothing: a rank at work runs for a
    /// hundredth of a second in it.
    private static let pauseMicroseconds: UInt32 = 300_000

    /// Processes that compute on a GPU.
    func training(_ gpus: GPUTable) -> TrainingSearch {
        searchForTraining(on: host, gpus) { usleep(Self.pauseMicroseconds) }
    }

    func check(_ pids: [Int32]) throws(Failure) {
        for pid in pids where !host.exists("/proc/\(pid)/stat") {
            throw Failure("there is no process \(pid)")
        }
    }

    /// The folder of a group that was named as a path in the file system or below a hierarchy.
    func folder(ofGroup name: String) throws(Failure) -> String {
        let trimmed = name.count > 1 && name.hasSuffix("/") ? String(name.dropLast()) : name
        let below = trimmed.hasPrefix("/") ? trimmed : "/" + trimmed
        let mounts = [layout.unified].compactMap { $0 } + layout.version1.values.sorted()
        let candidates = mounts.map { $0 + below } + [trimmed]
        // The longest list of processes wins: on a v1 host each hierarchy has a folder of its own.
        let folders = candidates.filter { host.exists($0 + "/cgroup.procs") }
        guard let best = folders.max(by: { pids(inGroup: $0).count < pids(inGroup: $1).count })
        else { throw Failure("there is no control group \(name)") }
        return best
    }

    /// Processes in the group and the groups below it.
    func pids(inGroup folder: String, depth: Int = 0) -> Set<Int32> {
        let text = (try? host.text(folder + "/cgroup.procs")) ?? ""
        var pids = Set(text.split(separator: "\n").compactMap { Int32($0) })
        guard depth < Self.deepest else { return pids }
        for name in host.names(in: folder) where host.exists("\(folder)/\(name)/cgroup.procs") {
            pids.formUnion(self.pids(inGroup: "\(folder)/\(name)", depth: depth + 1))
        }
        return pids
    }
}
