import Fabric
import Host
import Rules
import Signals
import Testing
import Training

/// A job whose bytes go through sockets although InfiniBand is there.
@Suite struct SocketFallbackTests {
    private static let megabytes: UInt64 = 60_000_000

    /// Two ports that stand still and `eth0` at 800 MB/s each way, looked at for a minute.
    private func findings(
        received: UInt64 = 800, sent: UInt64 = 800, words: UInt64? = 0, state: String = "ACTIVE",
        layer: FabricPortFacts.Layer = .infiniBand, hasJob: Bool = true
    ) throws -> [Finding] {
        var host = FabricHost()
        for index in 1...2 {
            host.addPort(index) {
                ($0.facts.state, $0.facts.layer) = (state, layer)
                $0.port = FabricCounters(
                    words.map { ["port_xmit_data": $0, "port_rcv_data": $0] } ?? [:])
            }
        }
        host.interfaces = [
            NetworkInterface(name: "eth1", receivedBytes: 77, sentBytes: 7),
            NetworkInterface(
                name: "eth0", receivedBytes: received * Self.megabytes,
                sentBytes: sent * Self.megabytes),
        ]
        var observation = host.observation()
        if hasJob { observation.job.processes[0].gpus = ["0000:14:00.0"] }
        return try Rule.socketFallback.check(observation)
    }

    @Test func socketsInPlaceOfInfiniBand() throws {
        let finding = try #require(try findings(received: 900).first)
        #expect(finding.severity == .warning && finding.confidence == .measured)
        #expect(finding.culprit?.id == "eth0")
        #expect(
            finding.summary
                == "eth0 carries 800 MB/s and more each way, and 2 active InfiniBand ports carry"
                + " next to nothing")
        #expect(finding.evidence.map(\.value) == [9e8, 8e8, 0])
        #expect(finding.severity <= Rule.socketFallback.ceiling)
    }

    @Test func dataThatAreLoadedOrKeptAreNot() throws {
        #expect(try findings(sent: 40).isEmpty)
        #expect(try findings(received: 40).isEmpty)
        #expect(try findings(received: 99, sent: 99).isEmpty)
        #expect(try findings(received: 100, sent: 100).count == 1)
    }

    /// 1 % of 1,600 MB/s are 16 MB/s: two ports, each way, in words of four bytes.
    @Test func portsAtWorkAreNoFallback() throws {
        #expect(try findings(words: 1_010_000 * 60).isEmpty)
        #expect(try findings(words: 990_000 * 60).count == 1)
    }

    @Test func whatCannotBeJudgedIsNot() throws {
        #expect(try findings(words: nil).isEmpty, "ports that do not count")
        #expect(try findings(state: "DOWN").isEmpty)
        #expect(try findings(layer: .ethernet).isEmpty)
        #expect(try findings(hasJob: false).isEmpty)
    }
}
