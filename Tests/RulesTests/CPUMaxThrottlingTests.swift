import Host
import Rules
import Signals
import Testing
import Training

@Suite struct CPUMaxThrottlingTests {
    private func group(
        _ path: String = "/job", version: Int = 2, throttledPeriods: UInt64, throttled: UInt64,
        quota: UInt64? = 150_000, pids: [Int32] = [701]
    ) -> CgroupActivity {
        var group = CgroupActivity(
            folder: "/sys/fs/cgroup\(path)", path: path, version: version, pids: pids)
        group.bandwidth = Bandwidth(
            quotaMicroseconds: quota, periods: 100, throttledPeriods: throttledPeriods,
            throttled: throttled)
        return group
    }

    private func observation(_ groups: [CgroupActivity], systemd: Bool = false) -> Observation {
        var facts = Scheduling.eightCPUs()
        facts.managers.hasSystemd = systemd
        return Scheduling.observation(
            facts,
            threads: [
                Scheduling.thread(701, [.running: .ms(1501), .throttled: .ms(337)]),
                Scheduling.thread(703, [.running: .ms(1501), .throttled: .ms(101)]),
            ], groups: groups)
    }

    @Test func firesFromFivePercentOfPeriods() throws {
        let below = group(throttledPeriods: 4, throttled: .ms(99))
        #expect(try Rule.cpuMaxThrottling.check(observation([below])).isEmpty)
        let at = group(throttledPeriods: 5, throttled: .ms(99))
        let finding = try #require(try Rule.cpuMaxThrottling.check(observation([at])).first)
        #expect(finding.culprit == FindingCulprit(kind: .cgroup, id: "/job", name: "/job"))
        #expect(finding.claims.map(\.loss) == [.state(.throttled), .state(.throttled)])
        #expect(finding.claims.map(\.nanoseconds) == [.ms(337), .ms(101)])
    }

    @Test func firesFromOnePercentOfTime() throws {
        let below = group(throttledPeriods: 3, throttled: .ms(100) - 1)
        #expect(try Rule.cpuMaxThrottling.check(observation([below])).isEmpty)
        let at = group(throttledPeriods: 3, throttled: .ms(100))
        #expect(try Rule.cpuMaxThrottling.check(observation([at])).count == 1)
    }

    @Test(arguments: [
        (150_000, "1.5"), (9_500, "0.1"), (2_000, "0.02"), (1_500, "0.015"), (0, "0.0"),
    ])
    func aSmallQuotaIsNotCalledNone(quota: UInt64, said: String) throws {
        let group = group(throttledPeriods: 50, throttled: .ms(400), quota: quota)
        let finding = try #require(try Rule.cpuMaxThrottling.check(observation([group])).first)
        #expect(finding.summary.contains("(\(said) CPUs)"), "\(finding.summary)")
    }

    @Test func blamesTheGroupWhoseQuotaBites() throws {
        let chain = [
            group("/pool", throttledPeriods: 61, throttled: .ms(4001)),
            group("/pool/job", throttledPeriods: 0, throttled: 0, quota: nil),
        ]
        let findings = try Rule.cpuMaxThrottling.check(observation(chain))
        #expect(findings.map { $0.culprit?.id } == ["/pool"])
    }

    @Test func writesTheOldQuotaBack() throws {
        let two = group(throttledPeriods: 61, throttled: .ms(438))
        let fix = try #require(try Rule.cpuMaxThrottling.check(observation([two])).first?.fix)
        #expect(fix.commands == ["echo max > /sys/fs/cgroup/job/cpu.max"])
        #expect(fix.rollback == ["echo '150000 100000' > /sys/fs/cgroup/job/cpu.max"])
        let one = group("/cpu/a b'c", version: 1, throttledPeriods: 61, throttled: .ms(438))
        let old = try #require(try Rule.cpuMaxThrottling.check(observation([one])).first?.fix)
        #expect(old.commands == [#"echo -1 > '/sys/fs/cgroup/cpu/a b'\''c/cpu.cfs_quota_us'"#])
        #expect(
            old.rollback == [#"echo 150000 > '/sys/fs/cgroup/cpu/a b'\''c/cpu.cfs_quota_us'"#])
    }

    @Test func asksSystemdForItsUnitsAndTheKubeletForItsPods() throws {
        let unit = group("/system.slice/train.service", throttledPeriods: 61, throttled: .ms(438))
        let fix = try #require(
            try Rule.cpuMaxThrottling.check(observation([unit], systemd: true)).first?.fix)
        #expect(fix.commands == ["systemctl set-property --runtime train.service CPUQuota="])
        #expect(fix.rollback == ["systemctl set-property --runtime train.service CPUQuota=150%"])
        let pod = group(
            "/kubepods.slice/pod7.slice", throttledPeriods: 61, throttled: .ms(438))
        let kube = try #require(
            try Rule.cpuMaxThrottling.check(observation([pod], systemd: true)).first?.fix)
        #expect(kube.managedBy == "kubelet")
        #expect(kube.risk.contains("pod"))
    }

    @Test func claimsWaitingUpToTheThrottledTimeWithoutALedgerOfIt() throws {
        var observation = Scheduling.observation(
            threads: [Scheduling.thread(701, [.running: .ms(1501), .waiting: .ms(907)])],
            groups: [group(throttledPeriods: 61, throttled: .ms(701))])
        observation.whole.change[Threads.self] = .success(
            Threads(
                method: .procfs,
                threads: [Scheduling.thread(701, [.running: .ms(1501), .waiting: .ms(907)])]))
        let finding = try #require(try Rule.cpuMaxThrottling.check(observation).first)
        #expect(
            finding.claims
                == [Claim(tid: 701, loss: .state(.waiting), nanoseconds: .ms(701))])
    }

    @Test func aGroupThatHoldsUpNobodyWatchedIsSilent() throws {
        let other = group(throttledPeriods: 61, throttled: .ms(4001), pids: [999])
        #expect(try Rule.cpuMaxThrottling.check(observation([other])).isEmpty)
    }

    @Test func isUncheckedWithoutGroups() {
        var observation = observation([])
        observation.whole.change[Cgroups.self] = .failure(Unavailable("no cgroups"))
        #expect(throws: Unavailable.self) { try Rule.cpuMaxThrottling.check(observation) }
    }
}
