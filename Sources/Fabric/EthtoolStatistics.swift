import CEthtool
import Glibc

/// What `ethtool -S` shows of an interface on the live machine. Asking the driver is dear: mlx5
/// turns it into several commands to the firmware.
package struct EthtoolStatistics: Sendable, Equatable {
    package var values: [String: UInt64]

    package init(values: [String: UInt64]) { self.values = values }

    /// `nil` where the driver has none, or does not say.
    package init?(of interface: String) {
        var found = ethtool_statistics()
        guard ethtool_statistics_read(interface, &found) == 0 else { return nil }
        defer { ethtool_statistics_free(&found) }
        values = [:]
        guard let names = found.names, let numbers = found.values else { return nil }
        let length = Int(ETHTOOL_NAME_BYTES)
        for index in 0..<Int(found.count) {
            let bytes = UnsafeRawBufferPointer(start: names + index * length, count: length)
            let name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            values[name] = numbers[index]
        }
    }

    /// Those that tell of the fabric, and only grow: pauses by priority, packets that were dropped
    /// for want of room, and seconds in which the host's PCI Express held the adapter up.
    package var aboutFabric: [String: UInt64] {
        values.filter { name, _ in
            Self.names.contains(name) || Self.isOfPriority(name)
        }
    }

    private static let names: Set = [
        "rx_discards_phy", "rx_out_of_buffer", "link_down_events_phy",
        "outbound_pci_stalled_rd_events", "outbound_pci_stalled_wr_events",
        "tx_pause_storm_warning_events", "tx_pause_storm_error_events",
        "rx_pci_signal_integrity", "tx_pci_signal_integrity",
    ]

    /// `rx_prio3_pause_duration` of mlx5, `pfc_pri3_rx_transitions` and
    /// `rx_pfc_ena_frames_pri3` of bnxt.
    private static func isOfPriority(_ name: String) -> Bool {
        let isPriority = name.hasPrefix("rx_prio") || name.hasPrefix("tx_prio")
        if isPriority { return name.contains("_pause") || name.hasSuffix("_discard") }
        return name.hasPrefix("pfc_pri") || name.contains("_pfc_ena_frames_pri")
    }
}
