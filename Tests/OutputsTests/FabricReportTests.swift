import Fabric
import Foundation
import Host
import Outputs
import Signals
import Testing
import Training

/// Ports and links in the report for programs.
@Suite struct FabricReportTests {
    private struct Report: Decodable {
        struct Fabric: Decodable { var ports: [Port] }
        struct Port: Decodable {
            var device: String
            var address: String?
            var counters, hardwareCounters: [String: UInt64]
            var full: [String]
            var wasReset: Bool
        }
        struct PCIe: Decodable { var functions: [Function] }
        struct Function: Decodable {
            struct Link: Decodable { var lanes: Int }
            var address: String
            var upper: String?
            var link: Link?
            var correctable, fatal: [String: UInt64]?
        }
        var fabric: Fabric?
        var pcie: PCIe?
    }

    private func report(_ change: (inout Readings) -> Void) throws -> Report {
        var observation = Samples.observation()
        change(&observation.whole.change)
        let text = jsonReport(observation, Samples.diagnosis, version: "0")
        return try JSONDecoder().decode(Report.self, from: Data(text.utf8))
    }

    @Test func hostsWithoutBothSayNull() throws {
        let report = try report { _ in }
        #expect(report.fabric == nil && report.pcie == nil)
    }

    @Test func portsAndLinksAreToldInFull() throws {
        let report = try report {
            var port = FabricPort(FabricPortFacts(device: "rxe0", port: 1))
            port.port = FabricCounters(["symbol_error": 7])
            port.port.stuck = ["symbol_error"]
            port.hardware = FabricCounters(["sent_pkts": 7_000_000_003])
            $0[FabricPorts.self] = .success(FabricPorts(ports: [port]))
            var function = PCIeFunction(address: "0000:18:00.0")
            function.link = LinkFacts(gigatransfers: 32, lanes: 8)
            function.correctable = ["RxErr": 0, "BadTLP": 3]
            $0[PCIe.self] = .success(PCIe(functions: [function]))
        }
        let port = try #require(report.fabric?.ports.first)
        #expect(port.device == "rxe0" && port.address == nil && !port.wasReset)
        #expect(port.counters == ["symbol_error": 7] && port.full == ["symbol_error"])
        #expect(port.hardwareCounters == ["sent_pkts": 7_000_000_003])
        let function = try #require(report.pcie?.functions.first)
        #expect(function.address == "0000:18:00.0" && function.upper == nil)
        #expect(function.link?.lanes == 8)
        #expect(function.correctable == ["BadTLP": 3] && function.fatal == nil)
    }
}
