import Fabric
import Glibc
import Host
import Testing

@Suite struct EthtoolTests {
    private static let interfaces = Host().names(in: "/sys/class/net")

    @Test(arguments: ["", "no-such-interface", String(repeating: "x", count: 400), "../lo", "lo"])
    func anInterfaceWithoutStatisticsHasNone(name: String) {
        #expect(EthtoolStatistics(of: name) == nil)
    }

    @Test func namesAndNumbersOfThisMachineBelongTogether() {
        for interface in Self.interfaces {
            guard let statistics = EthtoolStatistics(of: interface) else { continue }
            #expect(!statistics.values.isEmpty, "\(interface)")
            #expect(
                statistics.values.keys.allSatisfy { !$0.isEmpty && $0.utf8.count <= 32 },
                "\(interface)")
        }
    }

    /// The driver of veth answers with the number of the other end, which sysfs tells as well.
    @Test(.enabled(if: veth != nil, "there is no pair of virtual interfaces here"))
    func aNumberIsTheOneThatSysfsTells() throws {
        let interface = try #require(veth)
        let statistics = try #require(EthtoolStatistics(of: interface))
        let other = Host().number("/sys/class/net/\(interface)/iflink")
        #expect(statistics.values["peer_ifindex"].map { Int64(clamping: $0) } == other)
    }

    @Test func onlyWhatIsAboutTheFabricIsKept() {
        var all = EthtoolStatistics(values: [:])
        let kept = [
            "rx_prio3_pause", "tx_prio0_pause_duration", "rx_prio7_pause_transition",
            "rx_prio1_buf_discard", "rx_discards_phy", "link_down_events_phy",
            "outbound_pci_stalled_wr_events", "pfc_pri3_rx_transitions", "rx_pfc_ena_frames_pri3",
        ]
        let left = [
            "rx_prio3_bytes", "rx0_packets", "ch7_poll", "outbound_pci_stalled_wr", "rx_bytes", "",
        ]
        for name in kept + left { all.values[name] = 7 }
        #expect(all.aboutFabric.keys.sorted() == kept.sorted())
    }
}

private let veth = Host().names(in: "/sys/class/net").first {
    EthtoolStatistics(of: $0)?.values["peer_ifindex"] != nil
}
