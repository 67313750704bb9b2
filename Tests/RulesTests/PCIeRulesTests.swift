import Fabric
import Host
import Rules
import Signals
import Testing

@Suite struct PCIeRulesTests {
    private static let adapter = "0000:13:00.0"
    private static let port = "0000:12:00.0"

    private func host(
        seconds: UInt64 = 60, traffic: UInt64 = 0,
        _ change: (inout PCIeFunction) -> Void = { _ in },
        above: (inout PCIeFunction) -> Void = { _ in }
    ) -> FabricHost {
        var host = FabricHost()
        host.seconds = seconds
        host.addPort(1) {
            $0.port.values = ["port_xmit_data": traffic / 4 * seconds, "port_rcv_data": 0]
        }
        host.addFunction("0000:10:01.0")
        host.addFunction("0000:11:00.0", below: "0000:10:01.0")
        host.addFunction(Self.port, above)
        host.addFunction(Self.adapter, below: Self.port, change)
        return host
    }

    @Test func fewerLanesThanBothEndsCanCount() throws {
        let narrow = host { $0.link?.lanes = 8 }
        let finding = try #require(try narrow.findings(.pcieLinkDegraded).first)
        #expect(try narrow.findings(.pcieLinkDegraded).count == 1)
        #expect(finding.severity == .warning && finding.isOutsideHost)
        #expect(finding.culprit?.id == Self.adapter)
        #expect(
            finding.summary.hasPrefix(
                "the PCIe link of mlx5_1 (0000:13:00.0) runs at x8 of x16 lanes, 32 GT/s"))
        // The slot has eight: as good as it can be.
        let slot = host {
            $0.link?.lanes = 8
        } above: {
            $0.link?.mostLanes = 8
        }
        #expect(try slot.findings(.pcieLinkDegraded).isEmpty)
        // A port whose own link is narrow is the other end of one that is told.
        let both = host {
            $0.link?.lanes = 8
        } above: {
            $0.link?.lanes = 8
        }
        #expect(try both.findings(.pcieLinkDegraded).count == 1)
        #expect(
            try host { $0.link?.mostLanes = nil }.findings(.pcieLinkDegraded).isEmpty)
        #expect(try host { $0.link = nil }.findings(.pcieLinkDegraded).isEmpty)
    }

    @Test func aSlowSwitchCountsForAllBelowIt() throws {
        var host = host()
        host.functions[1].link?.lanes = 4
        let finding = try #require(try host.findings(.pcieLinkDegraded).first)
        #expect(finding.culprit?.id == "0000:11:00.0")
        #expect(finding.summary.contains("mlx5_1 (0000:13:00.0), nvidia1 (0000:14:00.0)"))
    }

    @Test func aLowerSpeedCountsUnderLoadOnly() throws {
        func findings(_ traffic: UInt64) throws -> [Finding] {
            try host(traffic: traffic) { $0.link?.gigatransfers = 16 }.findings(.pcieLinkDegraded)
        }
        let finding = try #require(try findings(1_000_000_000).first)
        #expect(finding.summary.contains("x16 lanes, 16 of 32 GT/s"))
        #expect(try findings(999_000_000).isEmpty)
        let slot = host(traffic: 2_000_000_000) {
            $0.link?.gigatransfers = 16
        } above: {
            $0.link?.mostGigatransfers = 16
        }
        #expect(try slot.findings(.pcieLinkDegraded).isEmpty)
    }

    @Test func drivesAreJudgedByTheirOwnTraffic() throws {
        var host = FabricHost()
        var drive = DeviceFacts(kind: .drive, address: "0000:e1:00.0")
        (drive.names, drive.bridges) = (["nvme0n1"], ["0000:e0:01.0"])
        host.facts.devices = [drive]
        host.addFunction("0000:e0:01.0")
        host.addFunction("0000:e1:00.0", below: "0000:e0:01.0") { $0.link?.gigatransfers = 2.5 }
        #expect(try host.findings(.pcieLinkDegraded).isEmpty)
        var activity = DiskActivity(name: "nvme0n1")
        activity.readBytes = 60_000_000_000
        host.drives = [activity]
        #expect(try host.findings(.pcieLinkDegraded).count == 1)
    }

    @Test func twoFunctionsOfACardAreOneLink() throws {
        var host = host { $0.link?.lanes = 8 }
        host.addFunction("0000:13:00.1", below: Self.port) { $0.link?.lanes = 8 }
        #expect(try host.findings(.pcieLinkDegraded).count == 1)
    }

    @Test func aVirtualMachineOnlyMentionsIt() throws {
        var host = host { $0.link?.lanes = 8 }
        host.facts.isVirtualMachine = true
        #expect(try host.findings(.pcieLinkDegraded).map(\.severity) == [.info])
    }

    @Test(
        arguments: [
            (2, 60, false), (3, 60, true), (3, 1_080, true), (3, 1_081, false), (9, 3_600, false),
            (10, 3_600, true),
        ] as [(UInt64, UInt64, Bool)])
    func correctedErrorsCountByTheHour(count: UInt64, seconds: UInt64, fires: Bool) throws {
        let found = try host(seconds: seconds) { $0.correctable = ["RxErr": 0, "BadTLP": count] }
            .findings(.pcieErrorsReplay)
        #expect(found.count == (fires ? 1 : 0))
        #expect(found.allSatisfy { $0.severity == .warning && $0.isOutsideHost })
        #expect(found.allSatisfy { $0.summary.contains("(BadTLP)") })
    }

    @Test func oneLostErrorIsCritical() throws {
        let fatal = try host { $0.fatal = ["DLP": 1] }.findings(.pcieErrorsReplay)
        #expect(fatal.map(\.severity) == [.critical])
        let nonfatal = try host { $0.nonfatal = ["TLP": 1] }.findings(.pcieErrorsReplay)
        #expect(nonfatal.map(\.severity) == [.critical])
    }

    @Test func errorsOfABridgeNameWhatIsBelow() throws {
        var host = host()
        host.functions[0].correctable = ["BadDLLP": 7]
        let finding = try #require(try host.findings(.pcieErrorsReplay).first)
        #expect(
            finding.summary.hasPrefix(
                "bridge 0000:10:01.0 above mlx5_1 (0000:13:00.0), nvidia1 (0000:14:00.0)"))
    }

    @Test func withoutReportsTheRuleSaysSo() {
        var host = host()
        for index in host.functions.indices { host.functions[index].correctable = nil }
        #expect(throws: Unavailable.self) { try host.findings(.pcieErrorsReplay) }
    }
}
