import Host
import Rules
import Signals
import Testing
import Training

@Suite struct ThreadMigrationTests {
    private func observation(
        migrations: UInt64, cache: UInt64 = 0, wakeUps: UInt64 = 100_001, changes: Int = 0,
        waited: UInt64 = 0, role: Role = .launch
    ) -> Observation {
        var thread = Scheduling.thread(701, cpu: 6, [.running: .ms(2003), .waiting: waited])
        thread.migrations = migrations
        thread.cacheMigrations = cache
        thread.voluntarySwitches = wakeUps
        var observation = Scheduling.observation(
            job: Scheduling.job(roles: [701: role]), threads: [thread],
            waits: [Scheduling.wait(701, behind: 41, "migration/6", waited, kind: .kthread)])
        observation.job.processes[0].affinityChanges = [701: changes]
        return observation
    }

    @Test func cacheMovesCountFromFiftyASecond() throws {
        #expect(try Rule.llcMigration.check(observation(migrations: 601, cache: 499)).isEmpty)
        let finding = try #require(
            try Rule.llcMigration.check(observation(migrations: 601, cache: 500)).first)
        #expect(finding.severity == .warning)
        #expect(finding.confidence == .associated)
        #expect(finding.claims.isEmpty)
        #expect(finding.fix.commands == ["taskset -pc 6-7 701"])
        #expect(finding.fix.rollback == ["taskset -pc 0-7 701"])
    }

    @Test func cacheMovesOfOtherRolesAreSilent() throws {
        let loader = observation(migrations: 601, cache: 601, role: .loader)
        #expect(try Rule.llcMigration.check(loader).isEmpty)
        #expect(try Rule.affinityChurn.check(loader).isEmpty)
    }

    @Test func aMaskThatChangesOnceASecondIsChurn() throws {
        #expect(try Rule.affinityChurn.check(observation(migrations: 33, changes: 9)).isEmpty)
        let finding = try #require(
            try Rule.affinityChurn.check(observation(migrations: 33, changes: 10)).first)
        #expect(finding.culprit?.name == "CPU affinity")
        #expect(finding.severity == .warning)
    }

    @Test func oneLossHasOneRule() throws {
        let churn = observation(migrations: 601, cache: 601, changes: 31)
        #expect(try Rule.llcMigration.check(churn).isEmpty)
        #expect(try Rule.affinityChurn.check(churn).count == 1)
    }

    @Test func wanderingThatCostsNothingIsOnlyInformation() throws {
        let rule = Rule.affinityChurn
        #expect(try rule.check(observation(migrations: 499, wakeUps: 999)).isEmpty)
        #expect(try rule.check(observation(migrations: 501, wakeUps: 2_506)).isEmpty)
        let free = observation(migrations: 501, wakeUps: 2_505)
        #expect(try rule.check(free).first?.severity == .info)
        let dear = observation(migrations: 501, wakeUps: 2_505, waited: .ms(101))
        let finding = try #require(try rule.check(dear).first)
        #expect(finding.severity == .warning)
        #expect(finding.confidence == .measured)
        #expect(finding.claims.map(\.nanoseconds) == [.ms(101)])
    }

    @Test func isUncheckedWithoutProbes() {
        var blind = observation(migrations: 601)
        blind.whole.change[Threads.self] = .success(Threads(method: .procfs))
        #expect(throws: Unavailable.self) { try Rule.llcMigration.check(blind) }
        #expect(throws: Unavailable.self) { try Rule.affinityChurn.check(blind) }
    }
}
