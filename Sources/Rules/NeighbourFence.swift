import Host
import Signals
import Training

extension Observation {
    private static let haveEnded = "# nothing to move: the processes have ended"

    /// Keeps the processes of `groups` off the CPUs that training uses.
    func fence(_ groups: [CulpritGroup], from split: CPUSplit?) -> Fix {
        let culprits = groups.first?.processes(most: 4) ?? []
        guard let split else { return moveOrStop(culprits) }
        let slices = fenceableSlices(groups)
        guard slices.isEmpty else { return fence(slices, to: split.housekeeping) }
        let list = split.housekeeping.description
        return Fix(
            commands: culprits.map { "taskset -apc \(list) \($0.id)" }.or(Self.haveEnded),
            persist: groups.isEmpty ? [] : ["taskset -c \(list) COMMAND"],
            rollback: culprits.map {
                "taskset -apc \(($0.allowed ?? facts.topology.usable).description) \($0.id)"
            },
            risk: """
                The process keeps to CPU \(list) and runs slower where that is busy. Processes \
                that it starts later inherit this; ones that already run keep their CPUs, and \
                short-lived ones are gone before the command runs: start their parent with the \
                second form. The rollback gives all its threads the CPUs that its main thread had. \
                Milder, unless it is real-time: renice -n 10 -p PID.
                """,
            managedBy: manager("slurmd", "kubelet"))
    }

    private func fence(_ slices: [String], to list: CPUList) -> Fix {
        let property = "AllowedCPUs=\(list.description)"
        return Fix(
            commands: slices.map { "systemctl set-property --runtime \($0) \(property)" },
            persist: slices.map { "systemctl set-property \($0) \(property)" },
            rollback: slices.map { "systemctl set-property --runtime \($0) AllowedCPUs=" },
            risk: """
                Everything in \(slices.joined(separator: " and ")) shares CPUs \
                \(list.description); services that need more become slower. The job must not be \
                started from there. For one process alone: taskset -apc \(list.description) PID.
                """,
            managedBy: manager("slurmd", "kubelet", "tuned"))
    }

    /// The slices that culprits run in, where systemd can confine them without the job.
    private func fenceableSlices(_ groups: [CulpritGroup]) -> [String] {
        guard facts.managers.hasSystemd, facts.cgroups.unifiedControllers.contains("cpuset"),
            job.processes.allSatisfy({ $0.cgroups[""] != nil })
        else { return [] }
        let holdsJob = { (slice: String) in
            job.processes.contains { ($0.cgroups[""] ?? "/").hasPrefix("/\(slice)/") }
        }
        let culprits = groups.prefix(1).flatMap(\.members).map { $0.culprit.cgroup ?? "/" }
        let slices = ["system.slice", "user.slice"].filter { slice in
            !holdsJob(slice) && culprits.contains { $0.hasPrefix("/\(slice)/") }
        }
        let isCovered = culprits.allSatisfy { path in
            slices.contains { path.hasPrefix("/\($0)/") }
        }
        return isCovered ? slices : []
    }

    private func moveOrStop(_ culprits: [Culprit]) -> Fix {
        Fix(
            commands: culprits.map { "renice -n 19 -p \($0.id)" }.or(Self.haveEnded),
            rollback: culprits.map { "renice -n \($0.nice ?? 0) -p \($0.id)" },
            risk: """
                This host has too few CPUs to give the process any of its own. Move it to another \
                host or stop it while the job runs; the lower priority only makes its turns \
                shorter, and the process slower.
                """)
    }
}
