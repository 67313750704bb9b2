import Host
import Rules
import Signals
import Testing
import Training

@Suite struct NUMABalancingTests {
    private let rule = Rule.numaBalancingOff

    private func observation(
        _ balancing: NUMABalancing, setting: String? = "1", faults: UInt64 = 7,
        allowed: CPUList? = CPUList(0..<4), memory: MemoryPlacement? = nil, role: Role = .launch
    ) -> Observation {
        var thread = Placed.thread(on: [0: .ms(7_001)])
        thread.minorFaults = faults
        var seen = Placed.observation(
            [thread], memory: memory, allowed: allowed, roles: [701: role])
        seen.facts.settings.sysctl["kernel.numa_balancing"] = setting
        seen.whole.change[NUMABalancing.self] = .success(balancing)
        return seen
    }

    private func scanned(_ time: UInt64, longest: UInt64 = 7) -> NUMABalancing {
        NUMABalancing(scans: [NUMAScan(tid: 701, count: 13, nanoseconds: time, longest: longest)])
    }

    @Test func firesFromOnePercentOfALaunchThread() throws {
        #expect(try rule.check(observation(scanned(.ms(100) - 1))).isEmpty)
        let finding = try #require(try rule.check(observation(scanned(.ms(100)))).first)
        #expect(finding.severity == .warning)
        #expect(finding.confidence == .measured)
        #expect(
            finding.claims == [Claim(tid: 701, loss: .state(.running), nanoseconds: .ms(100))])
        #expect(finding.fix.commands == ["sysctl -w kernel.numa_balancing=0"])
        #expect(finding.fix.rollback.first == "sysctl -w kernel.numa_balancing=1")
    }

    @Test func scansOfOtherThreadsAreSilent() throws {
        #expect(try rule.check(observation(scanned(.ms(901)), role: .loader)).isEmpty)
        #expect(try rule.check(observation(scanned(.ms(901)), role: .nccl)).count == 1)
    }

    @Test func oneLongScanIsInformation() throws {
        #expect(try rule.check(observation(scanned(.ms(9), longest: .ms(5) - 1))).isEmpty)
        #expect(
            try rule.check(observation(scanned(.ms(9), longest: .ms(5)))).first?.severity == .info)
    }

    @Test func isSilentWhenOffOrNothingHappens() throws {
        for setting in ["0", "2", nil] {
            #expect(try rule.check(observation(scanned(.ms(901)), setting: setting)).isEmpty)
        }
        #expect(try rule.check(observation(NUMABalancing(scans: []))).isEmpty)
        #expect(try rule.check(observation(NUMABalancing())).isEmpty)
    }

    @Test func theBitForMemoryTiersStays() throws {
        let both = observation(scanned(.ms(901)), setting: "3")
        #expect(try rule.check(both).first?.fix.commands == ["sysctl -w kernel.numa_balancing=2"])
    }

    @Test func markedPagesCountForBoundRanksOnly() throws {
        func marked(_ pages: UInt64, _ allowed: CPUList) throws -> Severity? {
            try rule.check(
                observation(NUMABalancing(pagesMarked: pages), allowed: allowed)
            ).first?.severity
        }
        #expect(try marked(100_000, CPUList(0..<4)) == .info)
        #expect(try marked(99_999, CPUList(0..<4)) == nil)
        #expect(try marked(100_000, CPUList(0..<8)) == nil)
    }

    @Test func movesCountWhereTheJobTookTheFaults() throws {
        func severity(_ moved: UInt64, faults: UInt64) throws -> Severity? {
            let moving = NUMABalancing(
                hintFaults: 30_002, localHintFaults: 30_002, pagesMigrated: moved)
            return try rule.check(observation(moving, faults: faults)).first?.severity
        }
        #expect(try severity(20_000, faults: 15_001) == .warning)
        #expect(try severity(19_999, faults: 15_001) == nil)
        #expect(try severity(20_000, faults: 15_000) == nil)
    }

    @Test func pagesThatAreUsedFromAfarCount() throws {
        func severity(far: UInt64) throws -> Severity? {
            let local: UInt64 = 20_001
            let seen = NUMABalancing(hintFaults: local + far, localHintFaults: local)
            return try rule.check(observation(seen, faults: 50_001)).first?.severity
        }
        #expect(try severity(far: 10_000) == .warning)
        #expect(try severity(far: 9_999) == nil)
    }

    @Test func countsOfOneBurstAreSilent() throws {
        func found(windows: Int) throws -> Bool {
            var seen = observation(NUMABalancing(hintFaults: 90_001), faults: 90_001)
            seen.timeline = (0..<10).map { index in
                var readings = Readings()
                readings[NUMABalancing.self] = .success(
                    NUMABalancing(hintFaults: index < windows ? 9_001 : 0))
                return Window(nanoseconds: 1_000_000_000, change: readings)
            }
            return try !rule.check(seen).isEmpty
        }
        #expect(try !found(windows: 2))
        #expect(try found(windows: 3))
    }

    @Test func saysWhatCouldNotBeSeen() throws {
        let moving = NUMABalancing(hintFaults: 30_001, pagesMigrated: 20_011)
        let blind = try rule.check(observation(moving, faults: 30_001)).first
        #expect(blind?.summary.contains("the time it took cannot be seen here") == true)
        #expect(blind?.confidence == .associated)
    }

    @Test func aBadPlacementComesFirst() throws {
        let seen = observation(scanned(.ms(901)), memory: Placed.memory([1: 512 * mebibyte]))
        let finding = try #require(try rule.check(seen).first)
        #expect(finding.severity == .info)
        #expect(finding.summary.hasSuffix("first (numa-remote-memory)"))
        #expect(diagnose(catalogue, seen).findings.first?.rule == "numa-remote-memory")
    }

    @Test func isUncheckedWithoutTheSignal() {
        var blind = observation(NUMABalancing())
        blind.whole.change[NUMABalancing.self] = .failure(Unavailable("no vmstat"))
        #expect(throws: Unavailable("no vmstat")) { try rule.check(blind) }
    }
}
