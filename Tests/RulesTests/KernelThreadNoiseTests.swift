import Host
import Rules
import Signals
import Testing
import Training

@Suite struct KernelThreadNoiseTests {
    private func behind(_ name: String, _ nanoseconds: UInt64) -> Observation {
        Scheduling.observation(
            threads: [Scheduling.thread(701, [.waiting: nanoseconds])],
            waits: [Scheduling.wait(701, behind: 37, name, nanoseconds, kind: .kthread)])
    }

    @Test func firesFromOneMillisecondASecond() throws {
        #expect(try Rule.kthreadNoise.check(behind("kworker/u8:3", .ms(10) - 1)).isEmpty)
        #expect(try Rule.kthreadNoise.check(behind("kworker/u8:3", .ms(10))).count == 1)
    }

    @Test func warnsOnlyFromFiveMillisecondsASecond() throws {
        #expect(
            try Rule.kthreadNoise.check(behind("kworker/u8:3", .ms(50) - 1)).first?.severity
                == .info)
        #expect(
            try Rule.kthreadNoise.check(behind("kworker/u8:3", .ms(50))).first?.severity
                == .warning)
    }

    @Test func leavesSoftInterruptsAndMigrationsToTheirRules() throws {
        #expect(try Rule.kthreadNoise.check(behind("ksoftirqd/5", .ms(501))).isEmpty)
        #expect(try Rule.kthreadNoise.check(behind("migration/5", .ms(501))).isEmpty)
    }

    @Test func isUncheckedWithoutAnExactLedger() {
        var observation = behind("kworker/u8:3", .ms(101))
        observation.whole.change[Threads.self] = .success(Threads(method: .procfs))
        #expect(throws: Unavailable.self) { try Rule.kthreadNoise.check(observation) }
        observation.whole.change[Threads.self] = .failure(Unavailable("no probes"))
        #expect(throws: Unavailable("no probes")) { try Rule.kthreadNoise.check(observation) }
    }

    @Test func confinesUnboundWorkersByTheirMask() throws {
        let fix = try #require(
            try Rule.kthreadNoise.check(behind("kworker/u8:3", .ms(101))).first?.fix)
        #expect(
            fix.commands == [
                "echo 33 > /sys/devices/virtual/workqueue/cpumask",
                "echo 33 > /sys/devices/virtual/workqueue/writeback/cpumask",
            ])
        #expect(fix.rollback.first == "echo ff > /sys/devices/virtual/workqueue/cpumask")
    }

    @Test func movesWhatMayMoveAndOnlyThat() throws {
        let fix = { (name: String) in
            try #require(try Rule.kthreadNoise.check(behind(name, .ms(101))).first?.fix)
        }
        #expect(try fix("rcuop/3").commands == ["taskset -pc 0-1,4-5 37"])
        #expect(try fix("kworker/5:1H").commands.allSatisfy { $0.hasPrefix("# ") })
        #expect(
            try fix("irq/57-nvme0q3").commands
                == ["echo 0-1,4-5 > /proc/irq/57/smp_affinity_list"])
    }
}
