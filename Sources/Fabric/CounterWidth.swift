/// What a counter does when it is full. Names of one group, `counters` or `hw_counters`, mean the
/// same with every driver that has them.
package enum CounterWidth: Sendable, Equatable {
    /// 64 bits: never full.
    case grows
    /// 32 bits, after which it starts anew: the queue counters of mlx5.
    case wraps
    /// Stands still at this number; what happens then is not counted.
    case sticks(at: UInt64)

    /// Where a wrapping counter starts anew.
    private static let turn: UInt64 = 1 << 32

    /// What was counted between two readings; `nil` where somebody set the counter back.
    func change(_ later: UInt64, _ earlier: UInt64) -> UInt64? {
        if later >= earlier { return later - earlier }
        guard self == .wraps, earlier < Self.turn else { return nil }
        let change = Self.turn - earlier + later
        // More than half a turn within one look is a counter that was set back.
        return change < Self.turn / 2 ? change : nil
    }

    /// Full: there was more than it tells.
    package func isStuck(_ value: UInt64) -> Bool {
        if case .sticks(let most) = self { value == most } else { false }
    }
}

extension CounterWidth {
    /// Of the folder `counters`, which InfiniBand defines (PortCounters: 4, 8, 16 and 32 bits, as
    /// drivers/infiniband/core/sysfs.c shows them).
    package static func port(_ name: String) -> CounterWidth { portWidths[name] ?? .grows }

    /// Of the folder `hw_counters`, which each driver defines.
    package static func hardware(_ name: String) -> CounterWidth {
        queueCounters.contains(name) ? .wraps : .grows
    }

    private static let portWidths: [String: CounterWidth] = [
        "port_xmit_wait": .sticks(at: 0xffff_ffff),
        "symbol_error": .sticks(at: 0xffff),
        "port_rcv_errors": .sticks(at: 0xffff),
        "port_rcv_remote_physical_errors": .sticks(at: 0xffff),
        "port_rcv_switch_relay_errors": .sticks(at: 0xffff),
        "port_xmit_discards": .sticks(at: 0xffff),
        "VL15_dropped": .sticks(at: 0xffff),
        "link_error_recovery": .sticks(at: 0xff),
        "link_downed": .sticks(at: 0xff),
        "port_xmit_constraint_errors": .sticks(at: 0xff),
        "port_rcv_constraint_errors": .sticks(at: 0xff),
        "local_link_integrity_errors": .sticks(at: 0xf),
        "excessive_buffer_overrun_errors": .sticks(at: 0xf),
    ]

    /// drivers/infiniband/hw/mlx5/counters.c: all that QUERY_Q_COUNTER answers.
    private static let queueCounters: Set = [
        "duplicate_request", "implied_nak_seq_err", "local_ack_timeout_err", "out_of_buffer",
        "out_of_sequence", "packet_seq_err", "req_cqe_error", "req_cqe_flush_error",
        "req_remote_access_errors", "req_remote_invalid_request", "req_rnr_retries_exceeded",
        "req_transport_retries_exceeded", "resp_cqe_error", "resp_cqe_flush_error",
        "resp_local_length_error", "resp_remote_access_errors", "rnr_nak_retry_err",
        "roce_adp_retrans", "roce_adp_retrans_to", "roce_slow_restart", "roce_slow_restart_cnps",
        "roce_slow_restart_trans", "rx_atomic_requests", "rx_dct_connect", "rx_read_requests",
        "rx_write_requests",
    ]
}
