import Host
import Rules
import Signals
import Testing
import Training

@Suite struct ReclaimRulesTests {
    private func limited(
        _ threads: [ThreadActivity], path: String = "/job", version: Int = 2,
        _ memory: MemoryControl = MemoryControl(limit: 77 * mebibyte, limitEvents: 13)
    ) -> Observation {
        observe(threads) { $0.cgroups(memoryGroup(path, version: version, memory)) }
    }

    @Test func launchThreadsCountFromTwentyMillisecondsAMinute() throws {
        let at = limited([trainer(71, [.reclaim: perMinute(20)])])
        let below = limited([trainer(71, [.reclaim: perMinute(20) - 1])])
        let other = limited([trainer(71), trainer(73, [.reclaim: perMinute(20)])])
        #expect(try Rule.memcgLimitPressure.check(at).count == 1)
        #expect(try Rule.memcgLimitPressure.check(below).isEmpty)
        #expect(try Rule.memcgLimitPressure.check(other).isEmpty)
    }

    @Test func otherThreadsCountFromOnePercent() throws {
        let at = limited([trainer(71), trainer(73, [.reclaim: percent(1)])])
        let below = limited([trainer(71), trainer(73, [.reclaim: percent(1) - 1])])
        #expect(try Rule.memcgLimitPressure.check(at).first?.affected.map(\.tid) == [73])
        #expect(try Rule.memcgLimitPressure.check(below).isEmpty)
    }

    @Test func withoutAHitOnTheLimitItIsNotTheLimit() throws {
        let observation = limited(
            [trainer(71, [.reclaim: percent(7)])], MemoryControl(limit: 77 * mebibyte))
        #expect(try Rule.memcgLimitPressure.check(observation).isEmpty)
        #expect(try Rule.watermarkScaleFactor.check(observation).count == 1)
    }

    @Test func reclaimAtALimitIsNotBlamedOnTheHost() throws {
        let observation = limited([trainer(71, [.reclaim: percent(7)])])
        #expect(try Rule.memcgLimitPressure.check(observation).count == 1)
        #expect(try Rule.watermarkScaleFactor.check(observation).isEmpty)
    }

    @Test func namesTheDeepestGroupWithALimitOfItsOwn() throws {
        let observation = observe([trainer(71, [.reclaim: percent(3)])]) {
            $0.cgroups(
                memoryGroup("/a", MemoryControl(limit: 900 * mebibyte, limitEvents: 13)),
                memoryGroup("/a/b", MemoryControl(limit: 77 * mebibyte, limitEvents: 13)),
                memoryGroup("/a/b/c", MemoryControl(limitEvents: 0)))
        }
        let findings = try Rule.memcgLimitPressure.check(observation)
        #expect(findings.map { $0.culprit?.id } == ["/a/b"])
        #expect(findings.first?.culprit?.kind == .cgroup)
    }

    @Test func version1Commands() throws {
        let fix = try #require(
            try Rule.memcgLimitPressure.check(
                limited([trainer(71, [.reclaim: percent(3)])], version: 1)
            ).first?.fix)
        let file = "/sys/fs/cgroup/memory/job/memory.limit_in_bytes"
        #expect(fix.commands == ["echo \(116 * mebibyte) > \(file)"])
        #expect(fix.rollback == ["echo \(77 * mebibyte) > \(file)"])
    }

    @Test func systemdUnitsAreSetThroughSystemd() throws {
        let path = "/system.slice/train-7.service"
        let observation = limited([trainer(71, [.reclaim: percent(3)])], path: path).with {
            $0.facts.managers.hasSystemd = true
        }
        let fix = try #require(try Rule.memcgLimitPressure.check(observation).first?.fix)
        let set = "systemctl set-property"
        #expect(fix.commands == ["\(set) --runtime train-7.service MemoryMax=\(116 * mebibyte)"])
        #expect(fix.persist == ["\(set) train-7.service MemoryMax=\(116 * mebibyte)"])
        #expect(fix.rollback == ["\(set) train-7.service MemoryMax=\(77 * mebibyte)"])
    }

    @Test func aUsersOwnFolderIsNotAUnitOfTheSystem() throws {
        let path = "/user.slice/user-7.slice/user@7.service/ssh.service"
        let observation = limited([trainer(71, [.reclaim: percent(3)])], path: path).with {
            $0.facts.managers.hasSystemd = true
        }
        let fix = try #require(try Rule.memcgLimitPressure.check(observation).first?.fix)
        #expect(fix.commands == ["echo \(116 * mebibyte) > /sys/fs/cgroup\(path)/memory.max"])
    }

    @Test func podsAreChangedInTheirSpecification() throws {
        let observation = limited([trainer(71, [.reclaim: percent(3)])], path: "/kubepods/pod7")
        let fix = try #require(try Rule.memcgLimitPressure.check(observation).first?.fix)
        #expect(fix.managedBy == "kubelet")
        #expect(fix.persist.first?.contains("resources.limits.memory: 116Mi") == true)
    }

    @Test func raisesNoLimitThatTheHostCannotHold() throws {
        let observation = observe([trainer(71, [.reclaim: percent(3)])]) {
            $0.cgroups(memoryGroup("/job", MemoryControl(limit: 77 * mebibyte, limitEvents: 3)))
            $0.meminfo(["MemAvailable": 15 * mebibyte])
        }
        let finding = try #require(try Rule.memcgLimitPressure.check(observation).first)
        #expect(finding.fix.commands.allSatisfy { $0.hasPrefix("#") })
    }

    @Test func claimsReadsOfEvictedPagesAndTheStorageRuleDoesNot() throws {
        func observation(_ refaults: UInt64) -> Observation {
            observe([
                trainer(71),
                trainer(73, [.io: percent(31), .reclaim: percent(2)]) {
                    $0.writing = percent(1)
                },
            ]) {
                $0.cgroups(
                    memoryGroup(
                        "/job",
                        MemoryControl(
                            limit: 77 * mebibyte, limitEvents: 3, fileRefaults: refaults)))
                $0.disk("sda") { ($0.reads, $0.readBytes, $0.readTime) = (7, 8_192_000, 1) }
            }
        }
        let explained = try Rule.memcgLimitPressure.check(observation(1_000)).first
        #expect(claimed(explained, .state(.io)) == percent(30))
        #expect(claimed(explained, .state(.reclaim)) == percent(2))
        #expect(try Rule.loaderStorageWait.check(observation(1_000)).isEmpty)
        let other = try Rule.memcgLimitPressure.check(observation(999)).first
        #expect(claimed(other, .state(.io)) == 0)
        #expect(try Rule.loaderStorageWait.check(observation(999)).count == 1)
    }

    @Test func delaysOfMemoryHighAreClaimedUpToThePressure() throws {
        var group = memoryGroup(
            "/job", MemoryControl(limit: 900 * mebibyte, high: 77 * mebibyte, highEvents: 3))
        group.memoryPressure = Stall(some: percent(5))
        let observation = observe([trainer(71, [.blocked: percent(31)])]) { $0.cgroups(group) }
        let finding = try #require(try Rule.memcgLimitPressure.check(observation).first)
        #expect(claimed(finding, .state(.blocked)) == percent(5))
        #expect(finding.fix.commands.first?.hasSuffix("/job/memory.high") == true)
        group.memoryPressure = Stall(some: percent(5) - 1)
        let below = observe([trainer(71, [.blocked: percent(31)])]) { $0.cgroups(group) }
        #expect(try Rule.memcgLimitPressure.check(below).isEmpty)
    }

    @Test func watermarkCommandsNameTheOldValue() throws {
        let observation = observe([trainer(71, [.reclaim: perMinute(20)])]).with {
            $0.facts.settings.sysctl["vm.watermark_scale_factor"] = "10"
            $0.facts.memoryTotalBytes = 64 << 30
        }
        let finding = try #require(try Rule.watermarkScaleFactor.check(observation).first)
        #expect(finding.severity == .warning)
        #expect(finding.fix.commands == ["sysctl -w vm.watermark_scale_factor=100"])
        #expect(finding.fix.rollback.first == "sysctl -w vm.watermark_scale_factor=10")
        #expect(claimed(finding, .state(.reclaim)) == perMinute(20))
    }

    @Test func stallsOfTheHostAloneAreNoWarning() throws {
        func observation(_ stalls: UInt64) -> Observation {
            observe([trainer(71, [.reclaim: perMinute(20) - 1])]) {
                $0.vmstat(["allocstall_normal": stalls - 4, "allocstall_movable": 4])
            }
        }
        #expect(try Rule.watermarkScaleFactor.check(observation(15)).first?.severity == .info)
        #expect(try Rule.watermarkScaleFactor.check(observation(14)).isEmpty)
    }

    @Test func zoneReclaimNeedsNodesAndRefaults() throws {
        func findings(_ refaults: UInt64, _ mode: String, nodes: Int = 2) throws -> [Finding] {
            try Rule.zoneReclaimMode.check(
                observe([trainer(71)]) { $0.vmstat(["workingset_refault_file": refaults]) }.with {
                    $0.facts.settings.sysctl["vm.zone_reclaim_mode"] = mode
                    $0.facts.topology.nodes = (0..<nodes).map {
                        NodeFacts(id: $0, cpus: CPUList([$0]), memoryBytes: 7, distances: [])
                    }
                })
        }
        #expect(try findings(15_000, "1").first?.severity == .info)
        #expect(
            try findings(15_000, "1").first?.fix.commands == ["sysctl -w vm.zone_reclaim_mode=0"])
        #expect(try findings(14_999, "1").isEmpty)
        #expect(try findings(15_000, "0").isEmpty)
        #expect(try findings(15_000, "1", nodes: 1).isEmpty)
    }
}
