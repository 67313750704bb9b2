import Host
import Signals
import Training

private let nearFull = Limit(80, "%", source: "judgement: time to act before writes fail")
private let nearTasks = Limit(90, "%", source: "judgement: time to act before forks fail")

extension Rule {
    package static let devShmSize = Rule(
        id: "dev-shm-size", cause: .limits, ceiling: .info,
        title: "Shared memory is nearly full",
        explanation: Explanation(
            what: """
                /dev/shm is a file system in memory. Loader workers hand batches over in it, and \
                NCCL exchanges data between ranks of one host through it.
                """,
            why: "When it is full, workers die with a bus error and NCCL does not start.",
            seen: "Use and size of the file system.",
            fix: "A larger size; memory is used only by what is really in it.",
            avoid: "What is in it counts as memory of the job's control group.",
            verify: "`df /dev/shm` shows the new size.",
            sources: ["NCCL user guide, troubleshooting", "tmpfs(5)"])
    ) { observation throws(Unavailable) in
        let facts = observation.facts
        guard let use = facts.settings.sharedMemory, use.sizeBytes > 0 else {
            throw Unavailable("the size of /dev/shm could not be read")
        }
        let percent = 100 * Double(use.usedBytes) / Double(use.sizeBytes)
        guard nearFull.isReached(by: percent) else { return [] }
        let old = use.sizeBytes >> 10
        let new = use.sizeBytes >> 9  // twice the size, in KiB
        let line = "tmpfs /dev/shm tmpfs defaults,size=\(new)k 0 0"
        return [
            Finding(
                rule: "dev-shm-size", cause: .limits, severity: .info,
                confidence: .configuration,
                summary: "/dev/shm is \(briefFigure(percent)) % full "
                    + "(\(use.usedBytes >> 20) of \(use.sizeBytes >> 20) MiB)",
                culprit: FindingCulprit(kind: .setting, id: "/dev/shm", name: "/dev/shm"),
                evidence: [nearFull.evidence("/dev/shm in use", percent)],
                fix: Fix(
                    commands: ["mount -o remount,size=\(new)k /dev/shm"],
                    persist: [
                        "echo '\(line)' >> /etc/fstab",
                        "# in a container: docker run --shm-size=\(new)k, or an emptyDir of "
                            + "medium Memory",
                    ],
                    rollback: ["mount -o remount,size=\(old)k /dev/shm"],
                    risk: "files in it take memory that programs cannot have"),
                verify: "`df /dev/shm` shows \(new) KiB")
        ]
    }

    package static let ipcUlimitsAndPids = Rule(
        id: "ipc-ulimits-and-pids", cause: .limits, ceiling: .warning,
        title: "The job's control group may have no more threads",
        explanation: Explanation(
            what: "A control group may have a number of threads and processes, and no more.",
            why: "At the limit a loader worker or a thread pool does not start, and the job dies.",
            seen: "The group's own count of refused starts, or its threads against the limit.",
            fix: "Four times the limit: room for workers, still a stop for a runaway program.",
            avoid: "Leave it when the count of threads itself is the fault: it grows and grows.",
            verify: "The count of refusals in pids.events stays the same.",
            sources: ["Documentation/admin-guide/cgroup-v2.rst"])
    ) { observation throws(Unavailable) in
        let groups = try observation.whole(Cgroups.self).groups
        // Kernels differ in where they count a refusal: the group at its limit may be a parent.
        let refused = groups.filter { $0.tasksRefused > 0 }
        let blamed = refused.compactMap { group in
            groups.filter { parent in
                parent.version == group.version && parent.tasksLimit != nil
                    && (group.folder == parent.folder
                        || group.folder.hasPrefix(parent.folder + "/"))
            }.max { $0.taskPercent < $1.taskPercent }
        }
        let full = groups.filter { nearTasks.isReached(by: $0.taskPercent) }
        var seen: Set<String> = []
        return (blamed + full).filter { seen.insert($0.folder).inserted }.compactMap { group in
            let refusals =
                refused.filter { below in
                    below.folder == group.folder || below.folder.hasPrefix(group.folder + "/")
                }.map(\.tasksRefused).max() ?? 0
            return tasksFinding(group, refusals, observation)
        }
    }

    private static func tasksFinding(
        _ group: CgroupActivity, _ refusals: UInt64, _ observation: Observation
    ) -> Finding? {
        guard let limit = group.tasksLimit else { return nil }
        let (new, overflow) = limit.multipliedReportingOverflow(by: 4)
        let words = refusals > 0 ? "; \(refusals) were refused" : ""
        return Finding(
            rule: "ipc-ulimits-and-pids", cause: .limits,
            severity: refusals > 0 ? .warning : .info,
            confidence: refusals > 0 ? .measured : .configuration,
            summary: "control group \(group.path) has \(group.tasks ?? 0) of \(limit) threads"
                + words,
            culprit: FindingCulprit(kind: .cgroup, id: group.path, name: group.folder),
            evidence: [
                Evidence(
                    name: "threads refused", value: Double(refusals), unit: "", threshold: 1,
                    source: "any; cgroup-v2.rst"),
                nearTasks.evidence("threads to the limit", group.taskPercent),
            ],
            fix: CgroupKnob(group, file: "pids.max", property: "TasksMax").fix(
                to: overflow ? nil : new, from: limit, on: observation.facts,
                specification: "a limit of \(new) threads (podPidsLimit of the kubelet, "
                    + "docker --pids-limit)",
                risk: "a program that starts threads without end stops later"),
            verify: "`cat \(shellWord(group.folder + "/pids.events"))` twice: the "
                + "same count")
    }
}

extension CgroupActivity {
    /// Threads and processes as a share of the limit, percent; 0 without a limit.
    fileprivate var taskPercent: Double {
        guard let tasksLimit, tasksLimit > 0 else { return 0 }
        return 100 * Double(tasks ?? 0) / Double(tasksLimit)
    }
}
