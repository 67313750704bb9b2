import Host
import Rules
import Signals
import Testing
import Training

@Suite struct HugePageRulesTests {
    private func compacting(_ time: UInt64, defrag: String?) -> Observation {
        observe([trainer(71), trainer(73, [.compaction: time])]).with {
            $0.facts.settings.thpDefrag = defrag
            $0.facts.settings.thpEnabled = "always"
        }
    }

    @Test func compactionCountsFromFiftyMillisecondsAMinute() throws {
        let rule = Rule.thpDefragDirectStall
        #expect(try rule.check(compacting(perMinute(50), defrag: "always")).count == 1)
        #expect(try rule.check(compacting(perMinute(50) - 1, defrag: "always")).isEmpty)
        let finding = try rule.check(compacting(perMinute(77), defrag: "always")).first
        #expect(claimed(finding, .state(.compaction)) == perMinute(77))
        #expect(finding?.severity == .warning)
    }

    @Test(arguments: [
        ("always", "defer+madvise"), ("madvise", "defer"), ("defer+madvise", "defer"),
    ])
    func theFixDependsOnTheSetting(old: String, new: String) throws {
        let observation = compacting(perMinute(50), defrag: old)
        let fix = try #require(try Rule.thpDefragDirectStall.check(observation).first?.fix)
        let path = "/sys/kernel/mm/transparent_hugepage/defrag"
        #expect(fix.commands == ["echo \(new) > \(path)"])
        #expect(fix.rollback.first == "echo \(old) > \(path)")
        #expect(try Rule.compactionProactiveness.check(observation).isEmpty)
    }

    @Test func whoAsksForHugePagesMustNotWaitWhereOnlyTheyGetThem() throws {
        var observation = compacting(perMinute(50), defrag: "always")
        observation.facts.settings.thpEnabled = "madvise"
        let fix = try #require(try Rule.thpDefragDirectStall.check(observation).first?.fix)
        #expect(fix.commands == ["echo defer > /sys/kernel/mm/transparent_hugepage/defrag"])
    }

    @Test(arguments: ["defer", "never", nil])
    func otherCompactionIsNotBlamedOnHugePages(defrag: String?) throws {
        let observation = compacting(perMinute(50), defrag: defrag).with {
            $0.facts.settings.sysctl["vm.compaction_proactiveness"] = "0"
        }
        #expect(try Rule.thpDefragDirectStall.check(observation).isEmpty)
        let finding = try Rule.compactionProactiveness.check(observation).first
        #expect(finding?.fix.commands == ["sysctl -w vm.compaction_proactiveness=20"])
    }

    @Test func stallsAreNamedOnlyWithMeasuredTime() throws {
        func findings(_ time: UInt64, _ stalls: UInt64) throws -> [Finding] {
            try Rule.thpDefragDirectStall.check(
                observe([trainer(71, [.compaction: time])]) {
                    $0.vmstat(["compact_stall": stalls])
                }.with { $0.facts.settings.thpDefrag = "always" })
        }
        #expect(try findings(7, 15).first?.severity == .info)
        #expect(try findings(7, 14).isEmpty)
        #expect(try findings(0, 1_507).isEmpty)
    }

    private func fallback(
        alloc: UInt64, refused: UInt64, charge: UInt64 = 0, faults: UInt64 = 7_001
    ) throws -> [Finding] {
        try Rule.thpFallbackFragmentation.check(
            observe([trainer(71) { $0.minorFaults = faults }]) {
                $0.vmstat([
                    "thp_fault_alloc": alloc, "thp_fault_fallback": refused,
                    "thp_fault_fallback_charge": charge,
                ])
            })
    }

    @Test func fallbackCountsFromAFifthOfTenASecond() throws {
        #expect(try fallback(alloc: 120, refused: 30).first?.severity == .warning)
        #expect(try fallback(alloc: 121, refused: 30).isEmpty)
        #expect(try fallback(alloc: 119, refused: 30).isEmpty)
        #expect(try fallback(alloc: 0, refused: 1_501).first?.affected.map(\.tid) == [71])
    }

    @Test func refusalsOfALimitOrOfOthersAreNoWarning() throws {
        #expect(try fallback(alloc: 0, refused: 1_501, charge: 1_501).isEmpty)
        #expect(try fallback(alloc: 0, refused: 1_501, faults: 1_500).first?.severity == .info)
    }

    @Test func huntingForHugePagesWhileCompactingIsNoWarning() throws {
        func severity(_ compaction: UInt64, scope: Job.Scope) throws -> Severity? {
            try Rule.thpFallbackFragmentation.check(
                observe(
                    [trainer(71, [.compaction: compaction]) { $0.minorFaults = 9_001 }],
                    scope: scope
                ) { $0.vmstat(["thp_fault_fallback": 1_501]) }
            ).first?.severity
        }
        #expect(try severity(perMinute(50) - 1, scope: .processes) == .warning)
        #expect(try severity(perMinute(50), scope: .processes) == .info)
        #expect(try severity(0, scope: .host) == .info)
    }

    @Test func freeMemoryInSmallPiecesIsInformation() throws {
        func findings(blocks: UInt64, wanted: UInt64 = 7) throws -> [Finding] {
            let zone = MemoryZone(
                node: 1, name: "Normal", free: 51_200, managed: 512_000,
                freeBlocks: [UInt64](repeating: 0, count: 9) + [blocks, 0])
            return try Rule.thpFallbackFragmentation.check(
                observe([trainer(71)]) {
                    $0.vmstat(["thp_fault_alloc": wanted])
                    $0.meminfo([:], zones: [zone])
                })
        }
        #expect(try findings(blocks: 9).first?.severity == .info)
        #expect(try findings(blocks: 10).isEmpty)
        #expect(try findings(blocks: 9, wanted: 0).isEmpty)
    }

    @Test func hugePagesOffIsInformationOnLargeBusyJobs() throws {
        func findings(_ faults: UInt64, _ bytes: UInt64, _ enabled: String) throws -> [Finding] {
            try Rule.thpEnabledPolicy.check(
                observe([trainer(71) { $0.minorFaults = faults }]) {
                    $0.meminfo(["AnonPages": bytes])
                }.with { $0.facts.settings.thpEnabled = enabled })
        }
        let large: UInt64 = 32 << 30
        #expect(try findings(750_000, large, "never").first?.severity == .info)
        #expect(try findings(749_999, large, "never").isEmpty)
        #expect(try findings(750_000, large - 1, "never").isEmpty)
        #expect(try findings(750_000, large, "madvise").isEmpty)
    }

    @Test func anEmptyPoolNextToAFreeOneIsNamed() throws {
        func findings(_ free: Int64, _ elsewhere: Int64) throws -> [Finding] {
            try Rule.hugetlbPoolPerNode.check(
                Observation().with {
                    $0.facts.hugepages = [
                        HugepagePool(
                            node: 0, pageBytes: 2 << 20, total: 37, free: free, surplus: 0),
                        HugepagePool(
                            node: 1, pageBytes: 2 << 20, total: 41, free: elsewhere, surplus: 0),
                    ]
                })
        }
        let path = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
        #expect(try findings(0, 13).first?.fix.commands == ["echo 50 > \(path)"])
        #expect(try findings(0, 13).first?.fix.rollback.first == "echo 37 > \(path)")
        #expect(try findings(1, 13).isEmpty)
        #expect(try findings(0, 0).isEmpty)
    }

    @Test func kernelThreadsCountByTheTimeTheyTake() throws {
        func findings(_ rule: Rule, _ name: String, _ time: UInt64) throws -> [Finding] {
            let culprit = Culprit(kind: .kthread, id: 43, name: name)
            let wait = Wait(tid: 71, culprit: culprit, nanoseconds: time)
            return try rule.check(
                observe([trainer(71, [.waiting: time])], waits: [wait]).with {
                    $0.facts.settings.khugepagedScanMilliseconds = 10_000
                    $0.facts.settings.ksmRun = 1
                })
        }
        let limit: UInt64 = 15_000_000  // 1 ms a second
        #expect(try findings(.khugepagedNoise, "khugepaged", limit).first?.severity == .info)
        #expect(try findings(.khugepagedNoise, "khugepaged", limit - 1).isEmpty)
        #expect(try findings(.khugepagedNoise, "kswapd0", limit).isEmpty)
        let loud = try findings(.khugepagedNoise, "khugepaged", percent(1)).first
        #expect(loud?.severity == .warning)
        #expect(loud?.culprit?.id == "43")
        #expect(loud?.claims.map(\.nanoseconds) == [percent(1)])
        #expect(try findings(.ksm, "ksmd", percent(1)).first?.severity == .warning)
        #expect(try findings(.ksm, "other", percent(1)).first?.severity == .info)
    }
}
