import Host
import Rules
import Signals
import Testing
import Training

/// Waits that the disk does not explain: a control group's I/O limit, or no local disk at all.
@Suite struct StorageLimitTests {
    /// A loader waits for 30 % of the time, the disk worked for `served` of it.
    private func held(
        _ served: UInt64 = 7, group: CgroupActivity? = nil, limits: [IOLimit] = []
    ) -> Observation {
        observe([trainer(71), trainer(73, [.io: percent(30)])]) {
            $0.disk("nvme0n1") {
                ($0.reads, $0.readBytes, $0.readTime) = (30_011, 30_011 * 4_096, served)
            }
            var groups = [group].compactMap { $0 }
            for index in groups.indices { groups[index].ioLimits = limits }
            $0[Cgroups.self] = .success(Cgroups(groups: groups))
        }
    }

    private func finding(_ observation: Observation) throws -> Finding {
        try #require(try Rule.loaderStorageWait.check(observation).first)
    }

    @Test func namesTheGroupOfVersion1AndLiftsItsLimit() throws {
        let folder = "/sys/fs/cgroup/blkio/my job"
        let file = "blkio.throttle.read_bps_device"
        let group = CgroupActivity(folder: folder, path: "/my job", version: 1, pids: [4711])
        let limit = IOLimit(
            device: "259:3", file: file, line: "259:3 1048577", lifted: "259:3 0")
        let found = try finding(held(group: group, limits: [limit]))
        #expect(found.culprit == FindingCulprit(kind: .cgroup, id: "/my job", name: folder))
        #expect(found.summary.contains("the I/O limit of /my job (\(file) 259:3 1048577)"))
        #expect(found.fix.commands == ["echo '259:3 0' > '\(folder)/\(file)'"])
        #expect(found.fix.rollback == ["echo '259:3 1048577' > '\(folder)/\(file)'"])
    }

    @Test func namesTheGroupOfVersion2AndLiftsItsLimit() throws {
        let folder = "/sys/fs/cgroup/system.slice/job.service"
        let group = CgroupActivity(
            folder: folder, path: "/system.slice/job.service", version: 2, pids: [4711])
        let limit = IOLimit(
            device: "259:3", file: "io.max", line: "259:3 rbps=1048577 wbps=max",
            lifted: "259:3 rbps=max wbps=max riops=max wiops=max")
        let found = try finding(held(group: group, limits: [limit]))
        #expect(found.culprit?.id == "/system.slice/job.service")
        #expect(
            found.fix.commands
                == ["echo '259:3 rbps=max wbps=max riops=max wiops=max' > \(folder)/io.max"])
        #expect(found.fix.rollback == ["echo '259:3 rbps=1048577 wbps=max' > \(folder)/io.max"])
        #expect(found.fix.managedBy == "systemd")
    }

    @Test func limitsOfOtherDisksOrOtherGroupsExplainNothing() throws {
        let limit = IOLimit(device: "8:0", file: "io.max", line: "8:0 rbps=7", lifted: "8:0")
        let own = CgroupActivity(folder: "/g", path: "/g", version: 2, pids: [4711])
        #expect(try finding(held(group: own, limits: [limit])).culprit?.kind == .device)
        let fitting = IOLimit(device: "259:3", file: "io.max", line: "259:3 rbps=7", lifted: "")
        let others = CgroupActivity(folder: "/g", path: "/g", version: 2, pids: [4713])
        #expect(try finding(held(group: others, limits: [fitting])).culprit?.kind == .device)
    }

    @Test func withoutALimitTheMountsAreLookedAt() throws {
        let found = try finding(held(percent(15) - 1))
        #expect(found.culprit?.id == "nvme0n1")
        #expect(found.summary.contains("network file system"))
        #expect(found.fix.commands == ["findmnt -t nfs,nfs4,cifs,lustre,ceph,fuse,fuse.sshfs"])
    }

    @Test func aDiskThatServesHalfOfTheWaitIsTheReason() throws {
        let group = CgroupActivity(folder: "/g", path: "/g", version: 2, pids: [4711])
        let limit = IOLimit(device: "259:3", file: "io.max", line: "259:3 rbps=7", lifted: "")
        let found = try finding(held(percent(15), group: group, limits: [limit]))
        #expect(found.culprit == FindingCulprit(kind: .device, id: "nvme0n1", name: "nvme0n1"))
        #expect(found.fix.commands.first?.contains("num_workers") == true)
    }
}
