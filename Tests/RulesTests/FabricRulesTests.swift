import Fabric
import Host
import Machines
import Rules
import Signals
import Testing
import Training

@Suite struct FabricRulesTests {
    /// Four ports, the second of which is changed.
    private func host(
        seconds: UInt64 = 60, gpu: Bool = true, _ change: (inout FabricPort) -> Void = { _ in }
    ) -> FabricHost {
        var host = FabricHost()
        host.seconds = seconds
        host.addFunction("0000:ff:00.0")
        for index in 1...4 { host.addPort(index, gpu: gpu) { if index == 2 { change(&$0) } } }
        return host
    }

    private func roce(
        seconds: UInt64 = 60, _ change: (inout FabricPort) -> Void = { _ in }
    ) -> FabricHost {
        var host = FabricHost()
        host.seconds = seconds
        host.addFunction("0000:ff:00.0")
        host.addPort(1) {
            ($0.facts.layer, $0.facts.mtu) = (.ethernet, 9000)
            change(&$0)
        }
        return host
    }

    @Test func healthyPortsSayNothing() throws {
        for rule in fabricRules {
            #expect(try host().findings(rule).isEmpty, "\(rule.id)")
            #expect(try roce().findings(rule).isEmpty, "\(rule.id)")
        }
    }

    @Test func withoutPortsTheRulesSaySo() {
        let bare = Observation()
        for rule in fabricRules { #expect(throws: Unavailable.self) { try rule.check(bare) } }
    }

    @Test func softwarePortsAreNotJudged() throws {
        var host = host { $0.facts.address = nil }
        host.ports[1].facts.state = "DOWN"
        host.ports[1].port.values = ["symbol_error": 9_999, "link_downed": 9]
        host.ports[1].hardware.values = ["local_ack_timeout_err": 9_999, "out_of_buffer": 9_999]
        for rule in fabricRules { #expect(try host.findings(rule).isEmpty, "\(rule.id)") }
    }

    @Test func aPortSlowerThanItsKindCounts() throws {
        let slow = host { ($0.facts.gigabits, $0.facts.lanes) = (200, 2) }
        let finding = try #require(try slow.findings(.ibRateDegraded).first)
        #expect(try slow.findings(.ibRateDegraded).count == 1)
        #expect(finding.severity == .warning && finding.isOutsideHost)
        #expect(finding.culprit?.id == "0000:23:00.0")
        #expect(
            finding.summary.hasPrefix("mlx5_2 runs at 2 lanes, 200 Gb/s, and 3 other ports"))
        // All alike: a cable that splits a port, on purpose.
        var split = host()
        for index in split.ports.indices {
            (split.ports[index].facts.gigabits, split.ports[index].facts.lanes) = (200, 2)
        }
        #expect(try split.findings(.ibRateDegraded).isEmpty)
        // Of another model.
        var other = slow
        other.facts.devices[2].device = 0x101b
        #expect(try other.findings(.ibRateDegraded).allSatisfy { $0.severity == .info })
        // Without a rate nothing is said.
        #expect(try host { $0.facts.gigabits = nil }.findings(.ibRateDegraded).isEmpty)
    }

    @Test func oneNarrowPortAloneIsOnlyMentioned() throws {
        var host = FabricHost()
        host.addPort(1) { ($0.facts.gigabits, $0.facts.lanes) = (200, 2) }
        #expect(try host.findings(.ibRateDegraded).map(\.severity) == [.info])
        host.ports[0].facts.layer = .ethernet
        #expect(try host.findings(.ibRateDegraded).isEmpty)
    }

    @Test func aPortThatIsDownCountsWhereItsKindIsUp() throws {
        let down: (inout FabricPort) -> Void = {
            ($0.facts.state, $0.facts.physicalState) = ("DOWN", "Polling")
        }
        #expect(try host(down).findings(.ibRateDegraded).map(\.severity) == [.warning])
        #expect(try host(gpu: false, down).findings(.ibRateDegraded).map(\.severity) == [.info])
        #expect(try host { $0.facts.state = nil }.findings(.ibRateDegraded).isEmpty)
        var most = host(down)
        for index in 1...2 { most.ports[index].facts.state = "DOWN" }
        #expect(try most.findings(.ibRateDegraded).isEmpty)
    }

    @Test(
        arguments: [
            ("symbol_error", 3, 3_600, false), ("symbol_error", 10, 3_600, true),
            ("symbol_error", 9, 3_600, false), ("symbol_error", 2, 60, false),
            ("symbol_error", 3, 60, true), ("port_rcv_errors", 3, 180, true),
            ("port_rcv_errors", 3, 181, false), ("port_rcv_errors", 2, 60, false),
            ("link_error_recovery", 1, 3_600, true), ("link_error_recovery", 1, 3_601, false),
            ("local_link_integrity_errors", 1, 60, true),
            ("excessive_buffer_overrun_errors", 1, 60, true), ("VL15_dropped", 999, 60, false),
        ] as [(String, UInt64, UInt64, Bool)])
    func errorsCountByTheTimeLookedAt(
        counter: String, count: UInt64, seconds: UInt64, fires: Bool
    ) throws {
        let found = try host(seconds: seconds) { $0.port.values[counter] = count }
            .findings(.ibLinkErrors)
        #expect(found.count == (fires ? 1 : 0))
        #expect(found.allSatisfy { $0.severity == .warning && $0.isOutsideHost })
    }

    @Test func aFullCounterIsAtLeastThatMany() throws {
        let finding = try host {
            $0.port.values["local_link_integrity_errors"] = 7
            $0.port.stuck = ["local_link_integrity_errors"]
            $0.port.values["port_rcv_remote_physical_errors"] = 5
        }.findings(.ibLinkErrors).first
        #expect(finding?.summary.contains("local_link_integrity_errors at least 7") == true)
        #expect(finding?.evidence.last?.name == "damaged on another link")
    }

    @Test func aLostLinkCountsOnceHoweverManyTellIt() throws {
        func severity(_ port: UInt64, _ carrier: UInt64) throws -> Severity? {
            try host {
                $0.port.values["link_downed"] = port
                $0.ethernet.values["carrier_down_count"] = carrier
            }.findings(.ibLinkFlap).first?.severity
        }
        #expect(try severity(0, 0) == nil)
        #expect(try severity(1, 1) == .warning)
        #expect(try severity(2, 0) == .warning)
        #expect(try severity(0, 3) == .critical)
        let day = host(seconds: 86_400) { $0.port.values["link_downed"] = 4 }
        #expect(try day.findings(.ibLinkFlap).isEmpty)
    }

    @Test func waitingForTheFabricCountsFromFivePercent() throws {
        // 50 GB/s for 60 s are 46,875,000,000 ticks of 64 bytes; 5 % of them are 2,343,750,000.
        func findings(_ ticks: UInt64) throws -> [Finding] {
            try host { $0.port.values["port_xmit_wait"] = ticks }.findings(.ibCongestion)
        }
        let finding = try #require(try findings(2_343_750_000).first)
        #expect(finding.severity == .warning && finding.isOutsideHost)
        #expect(finding.summary.contains("not this host"))
        #expect(try findings(2_343_749_000).isEmpty)
        #expect(try findings(.max).first?.summary.contains("about 100 %") == true)
        let full = try host(seconds: 10) {
            $0.port.values["port_xmit_wait"] = 4_000_000_000
            $0.port.stuck = ["port_xmit_wait"]
        }.findings(.ibCongestion).first
        #expect(full?.summary.contains("about at least 51.2 %") == true)
        #expect(
            try host {
                ($0.facts.gigabits, $0.port.values["port_xmit_wait"]) = (nil, 4_000_000_000)
            }.findings(.ibCongestion).isEmpty)
    }

    @Test func pausesOfEthernetAreWaitingToo() throws {
        func findings(_ microseconds: UInt64) throws -> [Finding] {
            try roce { $0.ethernet.values["rx_prio3_pause_duration"] = microseconds }
                .findings(.ibCongestion)
        }
        #expect(try findings(3_000_000).count == 1)
        #expect(try findings(2_990_000).isEmpty)
    }

    @Test(
        arguments: [
            ("local_ack_timeout_err", 3, 180, true), ("local_ack_timeout_err", 3, 181, false),
            ("local_ack_timeout_err", 2, 60, false), ("to_retransmits", 7, 60, true),
            ("packet_seq_err", 6_000, 60, true), ("out_of_sequence", 5_999, 60, false),
        ] as [(String, UInt64, UInt64, Bool)])
    func lostPacketsCount(
        counter: String, count: UInt64, seconds: UInt64, fires: Bool
    ) throws {
        let found = try roce(seconds: seconds) { $0.hardware.values[counter] = count }
            .findings(.roceRetransmits)
        #expect(found.count == (fires ? 1 : 0))
        #expect(found.allSatisfy { $0.isOutsideHost })
    }

    @Test func aLateReceiverIsTheHostsFaultAndALateSenderIsNot() throws {
        let here = roce { $0.hardware.values = ["out_of_buffer": 600, "rnr_nak_retry_err": 599] }
        let found = try here.findings(.receiverNotReady)
        #expect(found.map(\.isOutsideHost) == [false])
        #expect(found.first?.summary.contains("this host is too slow") == true)
        #expect(diagnose([.receiverNotReady], here.observation()).verdict == .hostBound)
        let there = roce { $0.hardware.values = ["out_of_buffer": 599, "rnr_nak_retry_err": 600] }
        #expect(try there.findings(.receiverNotReady).map(\.isOutsideHost) == [true])
        #expect(diagnose([.receiverNotReady], there.observation()).verdict == .notHost)
    }

    @Test func aHostThatStopsTheSwitchIsTooSlow() throws {
        func findings(_ microseconds: UInt64) throws -> [Finding] {
            try roce {
                $0.ethernet.values = [
                    "tx_prio3_pause_duration": microseconds, "outbound_pci_stalled_wr_events": 7,
                ]
            }.findings(.receiverNotReady)
        }
        let finding = try #require(try findings(3_000_000).first)
        #expect(!finding.isOutsideHost && finding.summary.contains("for 5 % of the time"))
        #expect(finding.evidence.last?.value == 7)
        #expect(try findings(2_999_000).isEmpty)
        #expect(try findings(.max).count == 1)
    }

    @Test func settingsAreMentionedWhereTheyHurt() throws {
        let lost: UInt64 = 7_000
        let unmarked = roce {
            $0.facts.trafficClass = 0
            $0.hardware.values = ["packet_seq_err": lost]
        }
        let finding = try #require(try unmarked.findings(.rocePFCECNMisconfig).first)
        #expect(finding.severity == .info)
        #expect(
            finding.fix.commands.contains(
                "echo 106 > /sys/class/infiniband/mlx5_1/tc/1/traffic_class"))
        #expect(
            finding.fix.rollback.contains(
                "echo 0 > /sys/class/infiniband/mlx5_1/tc/1/traffic_class"))
        func fires(_ counters: [String: UInt64], trafficClass: Int?) throws -> Bool {
            try !roce {
                $0.facts.trafficClass = trafficClass
                $0.hardware.values = counters
            }.findings(.rocePFCECNMisconfig).isEmpty
        }
        let silent: [String: UInt64] = [
            "packet_seq_err": lost, "np_cnp_sent": 0, "rp_cnp_handled": 0,
        ]
        #expect(try fires(silent, trafficClass: 106))
        #expect(try !fires(["packet_seq_err": lost, "np_cnp_sent": 1], trafficClass: 106))
        // Nobody counts notices, and no loss: nothing to say.
        #expect(try !fires(["packet_seq_err": lost], trafficClass: nil))
        #expect(try !fires(["packet_seq_err": 7], trafficClass: 0))
        #expect(
            try host { $0.hardware.values = silent }.findings(.rocePFCECNMisconfig).isEmpty)
    }

    @Test func smallPacketsMatterToBusyPorts() throws {
        func findings(_ mtu: Int?, megabytes: UInt64, state: String = "ACTIVE") throws -> [Finding]
        {
            try roce {
                ($0.facts.mtu, $0.facts.state) = (mtu, state)
                $0.port.values = [
                    "port_xmit_data": megabytes * 250_000 * 60, "port_rcv_data": 0,
                ]
            }.findings(.roceMTU)
        }
        let finding = try #require(try findings(1500, megabytes: 100).first)
        #expect(finding.severity == .info)
        #expect(finding.fix.commands == ["ip link set ib1 mtu 9000"])
        #expect(finding.fix.rollback == ["ip link set ib1 mtu 1500"])
        #expect(try findings(4199, megabytes: 100).count == 1)
        #expect(try findings(4200, megabytes: 100).isEmpty)
        #expect(try findings(1500, megabytes: 99).isEmpty)
        #expect(try findings(1500, megabytes: 100, state: "DOWN").isEmpty)
        #expect(try findings(nil, megabytes: 100).isEmpty)
    }
}
