import Host
import Signals
import Training

extension Rule {
    package static let loaderStorageWait = Rule(
        id: "loader-storage-wait", cause: .storageStall, ceiling: .critical,
        title: "Threads of the job wait for storage",
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
            sources: ["arXiv 2007.06775 (data stalls)", "Documentation/accounting/psi.rst"])
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
        guard stall.isHeldBackBefore else {
            return "waiting for \(disk.name) (\(mean)): \(lost)"
        }
        guard let (group, limit) = stall.ioLimit else {
            return "waiting for storage: \(lost), but \(disk.name) takes only \(mean): "
                + "something before the disk holds requests back, "
                + (stall.isMostlyWriting
                    ? "such as a journal that fsync has to wait for, or a network file system"
                    : "such as a network file system")
        }
        return "waiting for \(disk.name): \(lost); the I/O limit of \(group.path) "
            + "(\(limit.file) \(limit.line)) holds requests back, the disk takes only \(mean)"
    }

    private static func fix(_ stall: StorageStall) -> Fix {
        if stall.isHeldBackBefore { return liftLimit(stall) }
        if stall.isMostlyWriting { return writeElsewhere }
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

    private static let writeElsewhere = Fix(
        commands: ["# write checkpoints in a thread of their own, or to a faster disk"],
        risk: "a checkpoint is complete only when that thread has ended")

    /// Lifts the limit of the control group that holds requests back. Without one it is a file
    /// system that is not on a local disk.
    private static func liftLimit(_ stall: StorageStall) -> Fix {
        guard let (group, limit) = stall.ioLimit else {
            if stall.isMostlyWriting { return writeElsewhere }
            return Fix(
                commands: ["findmnt -t nfs,nfs4,cifs,lustre,ceph,fuse,fuse.sshfs"],
                risk: "only shows what is mounted; the server behind it is not this host")
        }
        let file = shellWord(group.folder + "/" + limit.file)
        return Fix(
            commands: ["echo \(shellWord(limit.lifted)) > \(file)"],
            persist: ["# where the group is made: leave this limit out"],
            rollback: ["echo \(shellWord(limit.line)) > \(file)"],
            risk: "the job may slow down others that use the same disk",
            managedBy: CgroupPaths.owner(group.path))
    }
}
