import Foundation
import Host
import Outputs
import Testing
import Training

@Suite struct TopologyJSONTests {
    /// The part of the contract that programs will rely on first.
    private struct Report: Decodable {
        struct Node: Decodable {
            var id: Int
            var cpus: String
            var memoryBytes: Int
            var freeBytes: Int?
            var distances: [Int]
        }
        struct CPU: Decodable {
            var id: Int
            var online, isolated: Bool
            var node, package: Int?
            var siblings: String
        }
        struct Device: Decodable {
            var kind, address: String
            var names, bridges: [String]
            var node: Int?
            var vendor: String?
            var interrupts: [Int]
            var nearestAdapters: Nearest?
        }
        struct Nearest: Decodable {
            var distance: String
            var addresses: [String]
        }
        struct Port: Decodable {
            var device, linkLayer: String
            var state: String?
            var gigabitsPerSecond: Double?
            var counters: [String: UInt64]
        }
        struct Interrupt: Decodable {
            var irq: Int
            var device, affinity, effective: String?
            var managed: Bool?
        }
        struct Process: Decodable {
            struct Memory: Decodable {
                var anonymous, shared: [String: Int]
                var policies: [String: Int]
            }
            struct Thread: Decodable {
                var tid: Int
                var cpu, node: Int?
                var allowedCpus: String?
            }
            var pid: Int
            var memory: Memory?
            var threads: [Thread]
        }
        struct Gap: Decodable { var what, why: String }

        var schema, takenAt, choice: String
        var nodes: [Node]
        var cpus: [CPU]
        var devices: [Device]
        var ports: [Port]
        var interrupts: [Interrupt]
        var processes: [Process]
        var notSeen: [Gap]
    }

    private func report(_ map: HostMap) throws -> Report {
        let text = topologyJSON(map, version: "0.1.0")
        return try JSONDecoder().decode(Report.self, from: Data(text.utf8))
    }

    @Test func keepsWhatIsKnownAndWhatIsNot() throws {
        let report = try report(TopologySamples.map)
        #expect(report.schema == "stoker.topology/1")
        #expect(report.takenAt == "2026-01-01T00:00:00Z")
        #expect(report.choice == "named")
        #expect(report.nodes.map(\.cpus) == ["0-1,4-5", "2-3,6-7"])
        #expect(report.nodes.map(\.freeBytes) == [1 << 30, nil])
        #expect(report.cpus.map(\.online) == Array(repeating: true, count: 8) + [false])
        #expect(report.cpus.filter(\.isolated).map(\.id) == [3])
        #expect(report.cpus.last?.siblings == "")
        #expect(report.devices.map(\.node) == [0, 0, nil])
        #expect(report.devices.map(\.vendor) == [nil, nil, "144d"])
        #expect(report.devices[1].bridges.first == "0000:15:01.0")
        #expect(report.devices[1].nearestAdapters?.distance == "PIX")
        #expect(report.devices[1].nearestAdapters?.addresses == ["0000:18:00.0"])
        #expect(report.devices[0].nearestAdapters == nil)
        let port = try #require(report.ports.first)
        #expect(port.device == "mlx5_0" && port.linkLayer == "InfiniBand")
        #expect(port.state == "ACTIVE" && port.gigabitsPerSecond == 400)
        #expect(port.counters == ["port_xmit_data": 7])
        #expect(report.interrupts.map(\.effective) == ["0", "1", "2", "6"])
        #expect(report.interrupts.map(\.managed) == [false, false, false, true])
        #expect(report.notSeen.isEmpty)
    }

    @Test func saysWhereThreadsAndMemoryAre() throws {
        let rank = try #require(try report(TopologySamples.map).processes.first)
        #expect(rank.threads.map(\.cpu) == [0, 4, 1, 6])
        #expect(rank.threads.map(\.node) == [0, 0, 0, 1])
        #expect(rank.threads.last?.allowedCpus == "0-7")
        #expect(rank.memory?.anonymous == ["0": 3 << 30, "1": 1 << 30])
        #expect(rank.memory?.policies == ["default": 4 << 30, "bind:1": 1 << 30])
    }

    @Test func anEmptyHostIsStillAReport() throws {
        let report = try report(HostMap(facts: HostFacts()))
        #expect(report.nodes.isEmpty && report.devices.isEmpty && report.processes.isEmpty)
        #expect(report.notSeen.map(\.what) == ["nodes", "caches", "IRQs"])
    }
}
