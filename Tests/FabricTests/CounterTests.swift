import Fabric
import Testing

@Suite struct CounterTests {
    private func port(_ counters: [String: UInt64], hardware: [String: UInt64] = [:]) -> FabricPort
    {
        var port = FabricPort(FabricPortFacts(device: "mlx5_0", port: 1))
        port.port = FabricCounters(counters)
        port.hardware = FabricCounters(hardware)
        return port
    }

    @Test(
        arguments: [
            ("port_xmit_data", 7, 1 << 40, (1 << 40) - 7),
            ("symbol_error", 5, 18, 13), ("symbol_error", 18, 18, 0),
            // Wider than InfiniBand defines it: some drivers count in 64 bits.
            ("symbol_error", 70_000, 70_013, 13),
        ] as [(String, UInt64, UInt64, UInt64)])
    func growthIsToldAsIs(name: String, before: UInt64, now: UInt64, change: UInt64) {
        let seen = port([name: now]).since(port([name: before]))
        #expect(seen.port[name] == change)
        #expect(seen.port.stuck.isEmpty && !seen.wasReset)
    }

    @Test(
        arguments: [
            ("port_xmit_wait", 4_294_967_295), ("symbol_error", 65_535), ("link_downed", 255),
            ("local_link_integrity_errors", 15),
        ] as [(String, UInt64)])
    func aFullCounterTellsTheLeast(name: String, most: UInt64) {
        let full = port([name: most]).since(port([name: most - 3]))
        #expect(full.port[name] == 3)
        #expect(full.port.stuck == [name])
        #expect(port([name: most - 1]).since(port([name: 0])).port.stuck.isEmpty)
    }

    @Test func aQueueCounterOf32BitsTurns() {
        let before = port([:], hardware: ["out_of_buffer": 4_294_967_290, "np_cnp_sent": 3])
        let now = port([:], hardware: ["out_of_buffer": 7, "np_cnp_sent": 5])
        let change = now.since(before)
        #expect(change.hardware["out_of_buffer"] == 13)
        #expect(change.hardware["np_cnp_sent"] == 2)
        #expect(!change.wasReset)
    }

    @Test func countersThatWereSetBackReadAsNothing() {
        // Half a turn and more, two that fall at once, and one that cannot turn.
        let cases: [([String: UInt64], [String: UInt64])] = [
            (
                ["out_of_buffer": 1_000_000, "np_cnp_sent": 3],
                ["out_of_buffer": 2, "np_cnp_sent": 9]
            ),
            (
                ["out_of_buffer": 4_294_967_290, "packet_seq_err": 4_294_967_290],
                ["out_of_buffer": 7, "packet_seq_err": 1]
            ),
            (["np_cnp_sent": 10, "out_of_buffer": 1], ["np_cnp_sent": 9, "out_of_buffer": 100]),
            (["out_of_buffer": .max], ["out_of_buffer": 0]),
        ]
        for (before, now) in cases {
            let change = port([:], hardware: now).since(port([:], hardware: before))
            #expect(change.wasReset)
            #expect(change.hardware.values.values.allSatisfy { $0 == 0 }, "\(now)")
        }
        #expect(port(["symbol_error": 1]).since(port(["symbol_error": 2])).wasReset)
    }

    @Test func aCounterThatIsNewCountsFromNowOn() {
        let change = port(["symbol_error": 77]).since(port([:]))
        #expect(change.port.values == ["symbol_error": 0])
    }

    @Test func eventsAreFoundByTheNamesOfEachDriver() {
        let mlx5 = port([:], hardware: ["packet_seq_err": 3, "out_of_sequence": 5])
        #expect(mlx5.count(.outOfSequence) == 8)
        #expect(FabricEvent.congestionNoticeSent.count(in: mlx5) == nil)
        #expect(port([:], hardware: ["rx_cnp_pkts": 7]).count(.congestionNoticeReceived) == 7)
        #expect(
            port([:], hardware: ["retrans_timeout_events": 2]).count(.acknowledgementTimeout) == 2)
        #expect(port([:], hardware: ["RNR sent": 11]).count(.notReadyHere) == 11)
        #expect(port([:], hardware: ["send_rnr_err": 13]).count(.notReadyHere) == 13)
        let huge = port([:], hardware: ["packet_seq_err": .max, "out_of_sequence": .max])
        #expect(huge.count(.outOfSequence) == .max)
    }

    @Test func dataIsCountedInWordsByInfiniBandAndInBytesByOthers() {
        #expect(port(["port_xmit_data": 3]).sentBytes == 12)
        #expect(port(["port_rcv_data": .max]).receivedBytes == .max)
        #expect(port([:], hardware: ["tx_bytes": 5]).sentBytes == 5)
        #expect(port([:], hardware: ["sent_pkts": 5]).sentBytes == nil)
    }
}
