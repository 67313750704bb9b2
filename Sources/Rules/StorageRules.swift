import Host
import Signals
import Training

extension Rule {
    package static let dirtyBytesWriteback = Rule(
        id: "dirty-bytes-writeback", cause: .storageStall, ceiling: .critical,
        title: "Writers are stopped because too much is still to be written",
        explanation: Explanation(
            what: """
                Written data waits in memory and goes to storage later. At a limit, by default a \
                fifth of the free memory, the kernel stops every writer until some is on disk.
                """,
            why: """
                On a host with much memory that is more than the disk writes in minutes: a \
                checkpoint first runs at memory speed, then stands still.
                """,
            seen: "Watched threads were held up in writes while unwritten data was near the limit.",
            fix: """
                A limit in bytes, near what the disk writes in a few seconds, makes it start \
                earlier and the pauses short and even.
                """,
            avoid: """
                A synchronous checkpoint that fits into memory may take longer. Leave it when \
                checkpoints are written by a thread of their own.
                """,
            verify: "Checkpoints take no longer, and training threads wait less in writes.",
            sources: [
                "Documentation/admin-guide/sysctl/vm.rst",
                "tuned profile throughput-performance (40 % and 10 %: contested)",
            ])
    ) { observation throws(Unavailable) in
        guard let stall = try StorageStall(observation), case .writeback = stall.kind else {
            return []
        }
        let settings = observation.facts.settings
        let set = "sysctl -w vm.dirty_background_bytes=2147483648 vm.dirty_bytes=8589934592"
        let file = "/etc/sysctl.d/90-stoker-dirty-bytes.conf"
        var finding = stall.finding(
            "dirty-bytes-writeback",
            summary: "writes stop at the limit of unwritten data: \(stall.losses.worstInWords)",
            fix: Fix(
                commands: [set],
                persist: [
                    "echo 'vm.dirty_background_bytes = 2147483648' > \(file)",
                    "echo 'vm.dirty_bytes = 8589934592' >> \(file)",
                ],
                rollback: dirtyRollback(settings) + ["rm -f \(file)"],
                risk: "bursts of more than 8 GiB are slowed to the speed of the disk",
                managedBy: observation.manager("tuned")),
            verify: "the next report shows less than 1 s a minute of waiting in writes")
        finding.evidence.append(
            StorageStall.dirty.evidence("unwritten data to its limit", stall.dirtyPercent))
        return [finding]
    }

    /// Writing bytes switches the ratio off, and the other way round.
    private static func dirtyRollback(_ settings: Settings) -> [String] {
        let pairs = ["vm.dirty_background", "vm.dirty"].compactMap { name -> String? in
            if let bytes = settings.number("\(name)_bytes"), bytes > 0 {
                return "\(name)_bytes=\(bytes)"
            }
            return settings.number("\(name)_ratio").map { "\(name)_ratio=\($0)" }
        }
        return pairs.isEmpty ? [] : ["sysctl -w " + pairs.joined(separator: " ")]
    }

    package static let blockReadahead = Rule(
        id: "block-readahead", cause: .storageStall, ceiling: .critical,
        title: "Files are read in pieces that are too small for the disk",
        explanation: Explanation(
            what: """
                When a file is read in order, the kernel reads some way ahead. How far is a \
                setting of each disk, 128 KiB by default.
                """,
            why: """
                Modern and networked disks are fast with large pieces. With small ones the \
                program waits for each, and the disk idles in between.
                """,
            seen: """
                Watched threads wait for storage; reads are as large as the read-ahead, which is \
                what reading in order looks like; the disk is not busy all the time.
                """,
            fix: "A larger read-ahead: fewer, larger reads, under way before they are needed.",
            avoid: "With random access it fetches data that nobody asked for.",
            verify: "Reads become larger (/proc/diskstats), and the waiting shorter.",
            sources: ["tuned profiles (4096 KiB)", "Documentation/ABI/stable/sysfs-block"])
    ) { observation throws(Unavailable) in
        guard let stall = try StorageStall(observation), case .readAhead = stall.kind,
            let disk = stall.facts, let old = disk.readAheadKilobytes
        else { return [] }
        var fix = Fix.readAhead(disk.name, to: StorageStall.readAhead, from: old)
        fix.managedBy = observation.manager("tuned")
        return [
            stall.finding(
                "block-readahead",
                summary: "\(disk.name) is read in pieces of "
                    + "\(briefFigure(stall.kibibytesPerRead)) KiB; \(stall.losses.worstInWords) "
                    + "waits for it",
                fix: fix, verify: "the mean read grows and the waiting falls in the next report")
        ]
    }

    package static let ioSchedulerNvme = Rule(
        id: "io-scheduler-nvme", cause: .configuration, ceiling: .info,
        title: "Requests to a fast disk are put in order first",
        explanation: Explanation(
            what: """
                An I/O scheduler puts requests in a better order. NVMe disks have no moving parts \
                and do that themselves.
                """,
            why: "The sorting costs CPU time and a lock on each request.",
            seen: "Watched threads wait for an NVMe disk that has a scheduler set.",
            fix: "`none` hands requests straight to the disk.",
            avoid: "Keep bfq where several tenants share the disk and need fair shares.",
            verify: "The mean time of a request does not rise.",
            sources: ["Documentation/block/switching-sched.rst (judgement)"])
    ) { observation throws(Unavailable) in
        guard let stall = try StorageStall(observation), let disk = stall.facts,
            disk.name.hasPrefix("nvme"), let old = disk.scheduler, old != "none"
        else { return [] }
        return [
            Finding(
                rule: "io-scheduler-nvme", cause: .configuration, severity: .info,
                confidence: .configuration,
                summary: "\(disk.name) has the I/O scheduler \(old)",
                culprit: FindingCulprit(kind: .device, id: disk.name, name: disk.name),
                evidence: [
                    Evidence(
                        name: "mean time of a request, \(disk.name)", value: stall.latency,
                        unit: "ms")
                ],
                fix: .file(
                    "/sys/block/\(disk.name)/queue/scheduler", to: "none", from: old,
                    called: "scheduler-\(disk.name)",
                    risk: "programs that share the disk are no longer kept fair",
                    managedBy: observation.manager("tuned")),
                verify: "the mean time of a request in the next report is no longer")
        ]
    }
}
