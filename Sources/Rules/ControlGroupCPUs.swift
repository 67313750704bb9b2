import Host
import Signals
import Training

/// A control group that says which CPUs its processes may use.
struct GroupCPUs {
    var group: CgroupActivity
    var cpus: CPUList
}

extension Observation {
    /// The cpusets above a process that leave it fewer CPUs than the host has, the outermost first.
    func cpusets(of pid: Int32) -> [GroupCPUs] {
        let usable = facts.topology.usable
        let groups = optional(Cgroups.self)?.groups ?? []
        return groups.filter { $0.pids.contains(pid) }.compactMap { group in
            guard let text = group.cpus?.effective, let cpus = CPUList(parsing: text),
                !cpus.isEmpty, !usable.subtracting(cpus).isEmpty
            else { return nil }
            return GroupCPUs(group: group, cpus: cpus)
        }
        .sorted {
            ($0.group.folder.utf8.count, $0.group.folder) < (
                $1.group.folder.utf8.count, $1.group.folder
            )
        }
    }
}
