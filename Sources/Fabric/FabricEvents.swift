/// What rules ask for, whatever the driver calls it.
package enum FabricEvent: Sendable, CaseIterable {
    /// A message came and no receive buffer was posted: this host was not ready.
    case notReadyHere
    /// The other side said that it was not ready.
    case notReadyThere
    /// No acknowledgement in time: lost, or the other side stalls.
    case acknowledgementTimeout
    /// A gap in the packet numbers, seen here or told by the other side.
    case outOfSequence
    /// Packets that a switch marked because it is congested.
    case congestionMarked
    /// Notifications of congestion, sent and received.
    case congestionNoticeSent, congestionNoticeReceived

    /// Names in `hw_counters` of mlx5; bnxt_re; irdma; ionic; EFA; rxe. Where an adapter has several
    /// they count different events.
    private var names: [String] {
        switch self {
        case .notReadyHere: ["out_of_buffer", "RNR sent", "resp_rx_outof_buf", "send_rnr_err"]
        case .notReadyThere:
            [
                "rnr_nak_retry_err", "rnr_naks_rcvd", "RNR received", "req_rx_rnr_retry_err",
                "rcvd_rnr_err",
            ]
        case .acknowledgementTimeout:
            [
                "local_ack_timeout_err", "to_retransmits", "tx_rdma_ack_timeout",
                "retrans_timeout_events",
            ]
        case .outOfSequence:
            [
                "packet_seq_err", "out_of_sequence", "seq_err_naks_rcvd", "oos_drop_count",
                "Nak Sequence Error", "req_rx_pkt_seq_err", "resp_rx_outouf_seq", "rcvd_seq_err",
                "out_of_seq_request",
            ]
        case .congestionMarked:
            [
                "np_ecn_marked_roce_packets", "rx_ecn_marked_pkts", "RxECNMrkd",
                "rx_rdma_ecn_pkts",
            ]
        case .congestionNoticeSent:
            ["np_cnp_sent", "tx_cnp_pkts", "cnpSent", "tx_rdma_cnp_pkts"]
        case .congestionNoticeReceived:
            ["rp_cnp_handled", "rx_cnp_pkts", "cnpHandled", "rx_rdma_cnp_pkts"]
        }
    }

    /// Names that are read once a second: rules want to know when.
    static let names = Set(allCases.flatMap(\.names))

    /// `nil` where the port has no counter of it.
    package func count(in port: FabricPort) -> UInt64? {
        let found = names.compactMap { port.hardware.values[$0] }
        return found.isEmpty ? nil : found.reduce(0, saturatingSum)
    }
}

extension FabricPort {
    /// 0 where the port does not count it; ask the event itself where that matters.
    package func count(_ event: FabricEvent) -> UInt64 { event.count(in: self) ?? 0 }

    /// Bytes sent and received by RDMA; `nil` where the driver does not count them.
    package var sentBytes: UInt64? {
        words("port_xmit_data") ?? hardware.values["tx_bytes"]
            ?? hardware.values["tx_rdma_ucast_bytes"]
    }
    package var receivedBytes: UInt64? {
        words("port_rcv_data") ?? hardware.values["rx_bytes"]
            ?? hardware.values["rx_rdma_ucast_bytes"]
    }

    /// InfiniBand counts data in words of four bytes.
    private func words(_ name: String) -> UInt64? {
        port.values[name].map { $0 > .max / 4 ? .max : $0 * 4 }
    }
}

private func saturatingSum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflows) = left.addingReportingOverflow(right)
    return overflows ? .max : sum
}
