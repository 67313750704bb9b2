import Foundation
import Host
import Outputs
import Rules
import Signals
import Testing
import Training

/// Nodes, placement and balancing in the reports of hosts with one node and with more.
@Suite struct NUMAReportTests {
    private struct Report: Decodable {
        struct Training: Decodable {
            var memory: Memory?
            var threads: [Thread]
        }
        struct Memory: Decodable, Equatable {
            var anonymous, shared, file, hugetlb, policies: [String: Int]
            var gap: String?
        }
        struct Thread: Decodable {
            var tid: Int
            var secondsByNode: [String: Double]?
        }
        struct NUMA: Decodable {
            var nodes: [Node]?
            var balancing: Balancing?
        }
        struct Node: Decodable {
            var id, hits, misses, foreign, local, other: Int
            var totalBytes, freeBytes, fileBytes, anonymousBytes, anonymousHugeBytes: Int
            var hugepages: [[String: Int]]
        }
        struct Balancing: Decodable {
            var pagesMarked, hintFaults, localHintFaults, pagesMigrated: Int
            var migratedByReason: [String: Int]
            var scans: [Scan]?
        }
        struct Scan: Decodable, Equatable {
            var tid, count: Int
            var seconds, longestSeconds: Double
        }

        var training: [Training]
        var numa: NUMA?
    }

    /// The rich sample, whose host has two nodes, with all that is known of them.
    private func observation() -> Observation {
        var observation = Samples.observation()
        var node = NodeMemoryActivity(id: 1)
        (node.hits, node.misses, node.foreign, node.local, node.other) = (11, 12, 13, 14, 15)
        (node.total, node.free, node.file) = (1 << 33, 17, 19)
        (node.anonymous, node.anonymousHuge) = (23, 29)
        node.hugepages = [
            HugepagePool(node: 1, pageBytes: 2 << 20, total: 9, free: 4, surplus: 1)
        ]
        observation.whole.change[NodeMemory.self] = .success(NodeMemory(nodes: [node]))
        observation.whole.change[NUMABalancing.self] = .success(
            NUMABalancing(
                scans: [
                    NUMAScan(tid: 4242, count: 3, nanoseconds: 5_000_000, longest: 4_000_000)
                ], migrated: ["numa_misplaced": 31], pagesMarked: 37, hintFaults: 41,
                localHintFaults: 40, pagesMigrated: 31))
        var memory = MemoryPlacement()
        memory.anonymous = [1: 90, 0: 4]
        memory.shared = [1: 6]
        memory.file = [0: 1000]
        memory.policies = ["default": 1000, "bind:1": 100]
        observation.job.processes[0].memory = memory
        observation.whole.change[Threads.self] = observation.whole.change[Threads.self].map {
            var threads = $0
            for index in threads.threads.indices where threads.threads[index].tid == 4242 {
                threads.threads[index].timeByNode = [0: 17_400_000_000]
            }
            return threads
        }
        return observation
    }

    private func json(_ observation: Observation) throws -> Report {
        let text = jsonReport(observation, Diagnosis(verdict: .healthy), version: "0.1.0")
        return try JSONDecoder().decode(Report.self, from: Data(text.utf8))
    }

    private func text(_ observation: Observation) -> String {
        textReport(
            observation, Diagnosis(verdict: .healthy), rules: [], version: "0.1.0",
            style: TextStyle(colour: false, unicode: false, width: 80))
    }

    @Test func programsAreToldEverything() throws {
        let report = try json(observation())
        let memory = try #require(report.training.first?.memory)
        #expect(memory.anonymous == ["0": 4, "1": 90] && memory.shared == ["1": 6])
        #expect(memory.file == ["0": 1000] && memory.hugetlb.isEmpty && memory.gap == nil)
        #expect(memory.policies == ["default": 1000, "bind:1": 100])
        let threads = try #require(report.training.first?.threads)
        #expect(threads.first { $0.tid == 4242 }?.secondsByNode == ["0": 17.4])
        #expect(threads.count { $0.secondsByNode != nil } == 1)
        let node = try #require(report.numa?.nodes?.first)
        #expect((node.id, node.hits, node.misses, node.foreign) == (1, 11, 12, 13))
        #expect((node.local, node.other, node.totalBytes) == (14, 15, 1 << 33))
        #expect((node.freeBytes, node.fileBytes, node.anonymousBytes) == (17, 19, 23))
        #expect(node.anonymousHugeBytes == 29)
        #expect(
            node.hugepages == [["pageBytes": 2 << 20, "total": 9, "free": 4, "surplus": 1]])
        let balancing = try #require(report.numa?.balancing)
        #expect(balancing.pagesMarked == 37 && balancing.hintFaults == 41)
        #expect(balancing.localHintFaults == 40 && balancing.pagesMigrated == 31)
        #expect(balancing.migratedByReason == ["numa_misplaced": 31])
        #expect(
            balancing.scans == [
                Report.Scan(tid: 4242, count: 3, seconds: 0.005, longestSeconds: 0.004)
            ])
    }

    @Test func whatIsUnknownIsNullAndNotNothing() throws {
        var observation = observation()
        observation.job.processes[0].memory = nil
        observation.whole.change[NodeMemory.self] = .failure(Unavailable("no"))
        observation.whole.change[NUMABalancing.self] = .success(NUMABalancing())
        let report = try json(observation)
        #expect(report.training.first?.memory == nil)
        #expect(report.numa?.nodes == nil)
        #expect(report.numa?.balancing?.scans == nil)
        observation.whole.change[NUMABalancing.self] = .failure(Unavailable("no"))
        let bare = try json(observation)
        #expect(bare.numa != nil && bare.numa?.balancing == nil)
    }

    @Test func aHostOfOneNodeHasNone() throws {
        var observation = observation()
        observation.facts.topology.nodes.removeLast()
        #expect(try json(observation).numa == nil)
        #expect(!text(observation).contains("memory: "))
    }

    @Test func peopleSeeWhereARankAndItsMemoryAre() {
        var observation = observation()
        #expect(
            text(observation).contains(
                """
                  pid 4242, rank 3, 15 threads: python3 train.py --batch 512
                    memory: 96 % on node 1, 4 % on node 0; ran 100 % on node 0

                """))
        observation.job.processes[0].memory?.anonymous = [1: 9_999, 0: 4]
        observation.job.processes[0].memory?.gap = "broke off"
        #expect(text(observation).contains("\n    memory: 99.9 % on node 1 (in part); ran 100 %"))
        observation.job.processes[0].memory = nil
        #expect(text(observation).contains("\n    ran 100 % on node 0\n"))
        observation.job.processes[0].memory = MemoryPlacement()
        observation.whole.change[Threads.self] = .success(Samples.threads)
        #expect(!text(observation).contains("on node"))
    }

    @Test func onlyRanksGetALine() {
        var observation = observation()
        observation.job.processes[0].rank = nil
        #expect(text(observation).contains("memory: 96 %"))
        observation.job.roles = [:]
        #expect(!text(observation).contains("memory: "))
    }

    @Test func memoryOnANodeThatIsTheOnlyOneWithMemoryIsNotShown() {
        var observation = observation()
        observation.facts.topology.nodes[0].memoryBytes = 0
        #expect(!text(observation).contains("memory: "))
    }
}
