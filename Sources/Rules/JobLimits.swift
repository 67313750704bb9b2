import Host
import Signals
import Training

private let nearLimit = Limit(80, "%", source: "judgement: time to act before calls fail")
private let usualFiles: UInt64 = 1_048_576
private let leastLocked = Limit(4, "GiB", source: "judgement: RDMA registers several GiB a rank")

extension Rule {
    package static let nofileLimit = Rule(
        id: "nofile-limit", cause: .limits, ceiling: .info,
        title: "A process has nearly as many files open as it may",
        explanation: Explanation(
            what: "Each process may have a number of files, sockets and pipes open, and no more.",
            why: "At the limit the next open fails, and loader workers die in the midst of a run.",
            seen: "Open files of the process against its limit.",
            fix: "A higher limit, now for the running process and for the next job.",
            avoid: "Very old programs that use select() cannot deal with numbers above 1,024.",
            verify: "/proc/PID/limits shows the new limit.",
            sources: ["getrlimit(2)", "Azure HPC images (hpc-tuning.sh)"])
    ) { observation throws(Unavailable) in
        let known = observation.job.processes.compactMap { process in
            process.openFiles.flatMap { open in
                process.openFilesLimit.map { (process: process, open: open, limit: $0) }
            }
        }
        guard !known.isEmpty || observation.job.processes.isEmpty else {
            throw Unavailable("open files of the job's processes could not be read")
        }
        return known.compactMap { entry in
            let percent = 100 * Double(entry.open) / Double(max(entry.limit, 1))
            guard nearLimit.isReached(by: percent) else { return nil }
            let target = max(usualFiles, doubled(entry.limit))
            return limitFinding(
                "nofile-limit", entry.process,
                summary: "process \(entry.process.pid) (\(entry.process.name)) has \(entry.open) "
                    + "of \(entry.limit) files open",
                evidence: nearLimit.evidence("open files to the limit", percent),
                option: "nofile", new: "\(target)", old: "\(entry.limit)",
                risk: "programs that use select() cannot use files above 1,024")
        }
    }

    package static let memlockUnlimited = Rule(
        id: "memlock-unlimited", cause: .limits, ceiling: .info,
        title: "A process with a GPU or RDMA device may lock little memory",
        explanation: Explanation(
            what: """
                GPU and network read and write memory that the kernel must not move: it is \
                locked. A limit says how much of it a process may have.
                """,
            why: "When the limit is met, registering buffers fails and the job falls back or dies.",
            seen: "The process has a device open and its limit for locked memory is small.",
            fix: "No limit for locked memory, as all training images set it.",
            avoid: "A runaway program could lock all memory; set a memory limit for the job too.",
            verify: "/proc/PID/limits shows unlimited for Max locked memory.",
            sources: ["Azure HPC images (hpc-tuning.sh)", "getrlimit(2)"])
    ) { observation throws(Unavailable) in
        let limited = observation.job.processes.filter { process in
            guard process.hasDeviceOpen, let limit = process.lockedLimit else { return false }
            return Double(limit) / Double(1 << 30) < leastLocked.value
        }
        // The ranks of a job share their limits: one finding for all that have the same.
        return Dictionary(grouping: limited, by: { $0.lockedLimit ?? 0 })
            .sorted { $0.key < $1.key }
            .compactMap { limit, processes in
                guard let first = processes.first else { return nil }
                let others = Array(processes.dropFirst())
                let who = "process \(first.pid) (\(first.name))"
                return limitFinding(
                    "memlock-unlimited", first, and: others,
                    summary: who
                        + (others.isEmpty ? " uses" : " and \(others.count) more each use")
                        + " a device and may lock \(limit >> 20) MiB of memory",
                    evidence: leastLocked.evidence(
                        "memory that may be locked", Double(limit) / Double(1 << 30)),
                    option: "memlock", new: "unlimited", old: "\(limit)",
                    risk: "a program may lock all memory of the host")
            }
    }

    private static func limitFinding(
        _ rule: String, _ process: ProcessFacts, and others: [ProcessFacts] = [],
        summary: String, evidence: Evidence, option: String, new: String, old: String,
        risk: String
    ) -> Finding {
        let set = { (to: String) in
            ([process] + others).map { "prlimit --pid \($0.pid) --\(option)=\(to)" }
        }
        let file = "/etc/security/limits.d/90-stoker-\(option).conf"
        return Finding(
            rule: rule, cause: .limits, severity: .info, confidence: .configuration,
            summary: summary,
            culprit: FindingCulprit(kind: .process, id: "\(process.pid)", name: process.name),
            evidence: [evidence],
            fix: Fix(
                commands: set("\(new):\(new)"),
                persist: ["echo '* - \(option) \(new)' > \(file)"],
                rollback: set("\(old):") + ["rm -f \(file)"],
                risk: risk),
            verify: "`prlimit --pid \(process.pid) --\(option)` shows \(new)")
    }

    package static let maxMapCount = Rule(
        id: "max-map-count", cause: .limits, ceiling: .info,
        title: "A process has nearly as many memory areas as it may",
        explanation: Explanation(
            what: """
                Each mapped file and each large allocation is a memory area. The kernel allows \
                65,530 of them to a process.
                """,
            why: "At the limit the next mapping fails as if there were no memory.",
            seen: "Memory areas of the process against vm.max_map_count.",
            fix: "A higher limit for the whole host.",
            avoid: "Each area costs a little kernel memory; nothing else speaks against it.",
            verify: "`sysctl vm.max_map_count` shows the new limit.",
            sources: ["Documentation/admin-guide/sysctl/vm.rst", "Azure HPC images"])
    ) { observation throws(Unavailable) in
        let name = "vm.max_map_count"
        guard let limit = observation.facts.settings.number(name), limit > 0 else {
            throw Unavailable("\(name) could not be read")
        }
        let mapped = observation.job.processes.filter { $0.mappings != nil }
        guard let worst = mapped.max(by: { ($0.mappings ?? 0) < ($1.mappings ?? 0) }) else {
            return []
        }
        let percent = 100 * Double(worst.mappings ?? 0) / Double(limit)
        guard nearLimit.isReached(by: percent) else { return [] }
        return [
            Finding(
                rule: "max-map-count", cause: .limits, severity: .info,
                confidence: .configuration,
                summary: "process \(worst.pid) (\(worst.name)) has \(worst.mappings ?? 0) of "
                    + "\(limit) memory areas",
                culprit: FindingCulprit(kind: .setting, id: name, name: name),
                evidence: [nearLimit.evidence("memory areas to the limit", percent)],
                fix: .sysctl(
                    name, to: "\(max(1_048_576, doubled(limit)))", from: "\(limit)",
                    risk: "each memory area costs a little kernel memory",
                    managedBy: observation.manager("tuned")),
                verify: "`sysctl \(name)` shows the new limit")
        ]
    }
}
