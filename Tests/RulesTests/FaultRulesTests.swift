import Host
import Rules
import Signals
import Testing
import Training

@Suite struct FaultRulesTests {
    private func faulting(
        _ time: UInt64, majors: UInt64 = 301, swapIns: UInt64 = 0, scope: Job.Scope = .processes,
        asleep: Bool = false
    ) -> Observation {
        let thread = trainer(71, asleep: asleep, [.fault: time]) { $0.majorFaults = majors }
        return observe([thread], scope: scope, launch: scope == .processes) {
            $0.vmstat(["pgmajfault": majors, "pswpin": swapIns, "pswpout": 0])
        }
    }

    @Test func faultsCountFromOnePercentWithMajorFaults() throws {
        let rule = Rule.pageCacheThrash
        #expect(try rule.check(faulting(percent(1))).first?.severity == .warning)
        #expect(try rule.check(faulting(percent(1) - 1)).isEmpty)
        #expect(try rule.check(faulting(percent(7), majors: 0)).isEmpty)
        let finding = try rule.check(faulting(percent(7))).first
        #expect(claimed(finding, .state(.fault)) == percent(7))
        #expect(finding?.culprit?.kind == .setting)
    }

    @Test func sleepersOfAWholeHostDoNotCount() throws {
        let rule = Rule.pageCacheThrash
        let asleep = faulting(percent(9.5), scope: .host, asleep: true)
        #expect(try rule.check(asleep).isEmpty)
        let active = faulting(percent(10), scope: .host, asleep: true)
        #expect(try rule.check(active).count == 1)
    }

    @Test func namesTheDiskThatServesTheReads() throws {
        func culprit(_ other: UInt64) throws -> FindingCulprit? {
            var observation = faulting(percent(7))
            observation.whole.change.disk("sda") { $0.readTime = 1_003 }
            observation.whole.change.disk("nvme0n1") { $0.readTime = other }
            observation.facts.disks = [DiskFacts(name: "sda", major: 8, minor: 0)]
            observation.facts.disks[0].readAheadKilobytes = 128
            let finding = try #require(try Rule.pageCacheThrash.check(observation).first)
            #expect(
                finding.fix.commands == ["echo 512 > /sys/block/sda/queue/read_ahead_kb"])
            return finding.culprit
        }
        #expect(try culprit(1_003)?.kind == .device)
        #expect(try culprit(77)?.id == "sda")
    }

    @Test func pagesThatComeBackAreThrash() throws {
        var observation = faulting(percent(7))
        observation.whole.change.vmstat(["pgmajfault": 301, "workingset_refault_file": 151])
        observation.facts.settings.sysctl["vm.vfs_cache_pressure"] = "100"
        let fix = try Rule.pageCacheThrash.check(observation).first?.fix
        #expect(fix?.commands == ["sysctl -w vm.vfs_cache_pressure=50"])
        #expect(fix?.rollback.first == "sysctl -w vm.vfs_cache_pressure=100")
    }

    @Test func swapTakesItsOwnFaults() throws {
        let swapping = faulting(percent(1), majors: 300, swapIns: 150)
        #expect(try Rule.pageCacheThrash.check(swapping).isEmpty)
        let finding = try Rule.swapActive.check(swapping).first
        #expect(finding?.severity == .warning)
        #expect(claimed(finding, .state(.fault)) == percent(1))
        let files = faulting(percent(1), majors: 300, swapIns: 149)
        #expect(try Rule.pageCacheThrash.check(files).count == 1)
        #expect(claimed(try Rule.swapActive.check(files).first, .state(.fault)) == 0)
    }

    @Test func littleSwappingIsInformationOrSilent() throws {
        let low = percent(0.5)
        #expect(try Rule.swapActive.check(faulting(low, swapIns: 15)).first?.severity == .info)
        #expect(try Rule.swapActive.check(faulting(low, swapIns: 14)).isEmpty)
        #expect(try Rule.swapActive.check(faulting(low, majors: 0, swapIns: 15)).isEmpty)
    }

    @Test func aBurstInOnePartOfTheWindowIsNotSustained() throws {
        var observation = faulting(percent(0.5), swapIns: 7_001)
        var quiet = Readings()
        quiet.vmstat(["pswpin": 0])
        observation.timeline = [
            observation.whole, Window(nanoseconds: memoryWindow, change: quiet),
        ]
        #expect(try Rule.swapActive.check(observation).isEmpty)
    }

    private func swapFix(
        _ available: UInt64, device: String = "/dev/sda3", limited: Bool = false
    ) throws -> [String] {
        var observation = faulting(percent(3), majors: 300, swapIns: 300)
        observation.whole.change.meminfo(["MemAvailable": available])
        if limited {
            observation.whole.change.cgroups(
                memoryGroup("/job", MemoryControl(limit: 7, limitEvents: 3)))
        }
        observation.facts.settings.sysctl["vm.swappiness"] = "60"
        observation.facts.settings.swapDevices = [
            SwapDevice(name: device, sizeBytes: 999 * mebibyte, usedBytes: 101 * mebibyte)
        ]
        return try #require(try Rule.swapActive.check(observation).first?.fix.commands)
    }

    @Test func swapIsSwitchedOffOnlyWhereAllOfItFits() throws {
        let lower = ["sysctl -w vm.swappiness=10"]
        #expect(try swapFix(202 * mebibyte) == ["swapoff -a"])
        #expect(try swapFix(202 * mebibyte - 2) == lower)
        #expect(try swapFix(999 * mebibyte, device: "/dev/zram0") == lower)
        #expect(try swapFix(999 * mebibyte, limited: true) == lower)
    }
}
