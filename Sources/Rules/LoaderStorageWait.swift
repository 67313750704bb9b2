import Host
import Signals
import Training

extension Rule {
    package static let loaderStorageWait = Rule(
        id: "loader-storage-wait", cause: .storageStall, ceiling: .critical,
        title: "threads of the job wait for storage",
        explanation: Explanation(
            what: "Watched threads ask for data and are stopped until storage has delivered it.",
            why: """
                A loader that waits cannot prepare the next batch; a launch thread that waits \
                feeds no GPU. Waiting for data can take most of an epoch.
                """,
            seen: """
                The time in which threads were stopped for I/O, and the disk with the most \
                request time. Where the disk answers at once and threads wait all the same, the \
                requests are held back on the way: by a control group's I/O limit, or because the \
                files are on a network or FUSE file system.
                """,
            fix: """
                A disk that is busy all the time needs less work: the data set on a faster disk \
                or in memory. A disk with time to spare needs more requests at once: more loader \
                workers. A control group's limit must be lifted.
                """,
            avoid: "Checkpoints and the first epoch wait for storage by nature.",
            verify: "The waiting in the next report is below 20 %, 1 % in launch threads.",
            sources: ["arXiv 2007.06775 (data stalls)", "KNOWLEDGE B1 rows 3 and 4"])
    ) { observation throws(Unavailable) in
        guard let stall = try StorageStall(observation), case .general = stall.kind else {
            return []
        }
        return [
            stall.finding(
                "loader-storage-wait", summary: summary(stall), fix: fix(stall),
                verify: "the next report shows less than 20 % (1 % in launch threads) of I/O wait")
        ]
    }

    private static func summary(_ stall: StorageStall) -> String {
        let lost = stall.losses.worstInWords
        guard let disk = stall.disk else {
            return stall.observation.optional(Disks.self) == nil
                ? "waiting for storage: \(lost)"
                : "waiting for storage: \(lost), and no disk of this host did anything: a network "
                    + "or FUSE file system, or a control group's I/O limit"
        }
        let mean = "\(briefFigure(stall.latency)) ms a request"
        return stall.isHeldBackBefore
            ? "waiting for storage: \(lost), but \(disk.name) takes only \(mean): a control "
                + "group's I/O limit or a network file system holds requests back"
            : "waiting for \(disk.name) (\(mean)): \(lost)"
    }

    private static func fix(_ stall: StorageStall) -> Fix {
        if stall.isHeldBackBefore { return liftLimit(stall) }
        if stall.isMostlyWriting {
            return Fix(
                commands: ["# write checkpoints in a thread of their own, or to a faster disk"],
                risk: "a checkpoint is complete only when that thread has ended")
        }
        if stall.disk == nil || StorageStall.busy.isReached(by: stall.busyPercent) {
            return Fix(
                commands: ["# copy the data set to a faster disk before the job starts"],
                risk: "no setting makes a busy disk faster")
        }
        let job = stall.observation.job
        let loaders = stall.threads.threads.filter { job.role($0.tid) == .loader }
        let workers = max(2 * Set(loaders.map(\.pid)).count, 2)
        return Fix(
            commands: ["# in the job: DataLoader(num_workers=\(workers), prefetch_factor=4)"],
            risk: "more memory, and more load on the CPUs")
    }

    /// Shows and lifts the I/O limit of the worst-hit thread's control group.
    private static func liftLimit(_ stall: StorageStall) -> Fix {
        let observation = stall.observation
        let mounts = Fix(
            commands: ["findmnt -t nfs,nfs4,cifs,lustre,ceph,fuse,fuse.sshfs"],
            risk: "only shows what is mounted; the server behind it is not this host")
        guard let pid = stall.losses.entries.first?.thread.pid,
            let process = observation.job.process(pid)
        else { return mounts }
        let layout = observation.facts.cgroups
        let device = stall.disk.map { "\($0.major):\($0.minor)" }
        if let mount = layout.version1["blkio"], let path = process.cgroups["blkio"], path != "/" {
            let files = ["read", "write"].map {
                CgroupPaths.shellWord("\(mount)\(path)/blkio.throttle.\($0)_bps_device")
            }
            return lift(files, device.map { "'\($0) 0'" })
        }
        if layout.unifiedControllers.contains("io"), let mount = layout.unified,
            let path = process.cgroups[""], path != "/"
        {
            let none = device.map { "'\($0) rbps=max wbps=max riops=max wiops=max'" }
            return lift([CgroupPaths.shellWord("\(mount)\(path)/io.max")], none)
        }
        return mounts
    }

    private static func lift(_ files: [String], _ none: String?) -> Fix {
        Fix(
            commands: files.map { "cat \($0)" }
                + (none.map { line in
                    files.map { "echo \(line) > \($0)" }
                } ?? []),
            rollback: files.map { "# write back the lines that `cat \($0)` showed" },
            risk: "the job may slow down others that use the same disk")
    }
}
