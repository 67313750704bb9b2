import Host
import Rules
import Signals
import Testing
import Training

/// A rank belongs on the node of its GPU.
@Suite struct GPULocalTests {
    private let rule = Rule.numaBindGPULocal

    /// The launch thread runs on `time`; GPUs 0 and 1 are on the nodes of `nodes`.
    private func observation(
        _ time: [Int: UInt64], nodes: [Int?] = [1, 1], gpus: [Int] = [0],
        memory: [Int: UInt64] = [:], allowed: CPUList? = nil, groups: [CgroupActivity] = []
    ) -> Observation {
        var facts = Scheduling.eightCPUs()
        facts.devices = nodes.enumerated().map { index, node in
            var gpu = DeviceFacts(kind: .gpu, address: "0000:\(index)b:00.0")
            gpu.names = ["nvidia\(index)"]
            gpu.node = node
            return gpu
        }
        var seen = Placed.observation(
            [Placed.thread(on: time)], memory: Placed.memory(memory), allowed: allowed,
            facts: facts, groups: groups)
        seen.job.processes[0].gpus = gpus.map { "0000:\($0)b:00.0" }
        return seen
    }

    @Test func firesFromAFifthOfTheTimeElsewhere() throws {
        #expect(try rule.check(observation([0: .ms(1_999), 1: .ms(8_001)])).isEmpty)
        let finding = try #require(
            try rule.check(observation([0: .ms(2_000), 1: .ms(8_000)])).first)
        #expect(finding.severity == .warning && finding.confidence == .associated)
        #expect(finding.claims.isEmpty && finding.affected.map(\.tid) == [701])
        #expect(
            finding.summary == """
                process 701 (python) spent 20.0 % of its CPU time away from node 1, where its GPU \
                nvidia0 (0000:0b:00.0) is
                """)
        #expect(finding.estimate > 0 && finding.estimate < 0.1)
    }

    @Test func aRankThatHardlyRunsLosesNothing() throws {
        #expect(try rule.check(observation([0: .ms(999)])).isEmpty)
        #expect(try rule.check(observation([0: .ms(1_000)])).count == 1)
    }

    @Test func aPlaceThatIsNotKnownIsNotAdvised() throws {
        let away: [Int: UInt64] = [0: .ms(7_001)]
        #expect(try rule.check(observation(away)).count == 1)
        #expect(try rule.check(observation(away, nodes: [nil, 1])).isEmpty)
        #expect(try rule.check(observation(away, nodes: [9, 9])).isEmpty)
        #expect(try rule.check(observation(away, gpus: [])).isEmpty)
        #expect(try rule.check(observation(away, gpus: [7])).isEmpty)
        // GPUs on both nodes: one of them is far wherever it runs.
        #expect(try rule.check(observation(away, nodes: [1, 0], gpus: [0, 1])).isEmpty)
        #expect(try rule.check(observation(away, nodes: [1, 1], gpus: [0, 1])).count == 1)
        #expect(try rule.check(observation(away, nodes: [1, nil], gpus: [0, 1])).isEmpty)
    }

    @Test func aRankBesideItsGPUIsHealthy() throws {
        let near = observation(
            [1: .ms(7_001)], memory: [1: 512 * mebibyte], allowed: CPUList(4..<8))
        #expect(try rule.check(near).isEmpty)
        #expect(try Rule.numaRemoteMemory.check(near).isEmpty)
    }

    @Test func threadsAndMemoryGoToTheGPU() throws {
        let seen = observation(
            [0: .ms(7_001)], memory: [0: 512 * mebibyte], allowed: CPUList(0..<8))
        let fix = try #require(try rule.check(seen).first?.fix)
        #expect(fix.commands == ["taskset -apc 4-7 701", "migratepages 701 0 1"])
        #expect(fix.rollback == ["taskset -apc 0-7 701"])
        #expect(fix.persist.first == "numactl --cpunodebind=1 --preferred=1 COMMAND")
        let caged = observation(
            [0: .ms(7_001)], allowed: CPUList(0..<4), groups: [Placed.group("0-3")])
        #expect(
            try rule.check(caged).first?.fix.commands == [
                "# process 701 may use too few CPUs of node 1: its control group must give it more"
            ])
    }

    @Test func otherRulesDoNotPullItBack() throws {
        // Threads on node 0, memory and GPU on node 1: the threads go, and the memory stays.
        let split = observation([0: .ms(7_001)], memory: [1: 512 * mebibyte])
        #expect(try rule.check(split).first?.fix.commands == ["taskset -apc 4-7 701"])
        #expect(try Rule.numaRemoteMemory.check(split).isEmpty)
        // Threads beside the GPU, memory bound elsewhere: the threads stay.
        var bound = observation([1: .ms(7_001)], memory: [0: 512 * mebibyte])
        bound.job.processes[0].memory = Placed.memory([0: 512 * mebibyte], policy: "bind:0")
        let fix = try Rule.numaRemoteMemory.check(bound).first?.fix
        #expect(fix?.commands == ["migratepages 701 0 1"])
    }

    @Test func aMaskWithoutTheGPUsNodeIsOnlyReported() throws {
        let idle = observation([0: .ms(7)], allowed: CPUList(0..<4))
        let finding = try #require(try rule.check(idle).first)
        #expect(finding.severity == .info && finding.confidence == .configuration)
        #expect(finding.fix.commands.allSatisfy { $0.hasPrefix("#") })
        #expect(try rule.check(observation([0: .ms(7)], allowed: CPUList(3..<5))).isEmpty)
        #expect(try rule.check(observation([0: .ms(7)])).isEmpty)
    }

    @Test func hostsOfOneNodeHaveNoPlaces() throws {
        var small = observation([0: .ms(7_001)])
        small.facts.topology.nodes = [small.facts.topology.nodes[0]]
        #expect(try rule.check(small).isEmpty)
    }
}
