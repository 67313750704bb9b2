import Host

/// RDMA ports of a machine: what they are, and what they count.
extension Machine {
    /// A port with a good link, four lanes wide, that does what the job asks of it.
    package struct Port: Sendable {
        package var gigabits: Int
        package var speed: String
        package var lanes = 4
        package var state = "4: ACTIVE"
        package var physicalState = "5: LinkUp"
        package var layer = "InfiniBand"
        package var mtu = 4092
        /// What these counters grow by in a second, beside data and packets.
        package var rates: [String: UInt64] = [:]

        package init(gigabits: Int, speed: String) {
            self.gigabits = gigabits
            self.speed = speed
        }
    }

    /// Speeds by PCI id: ConnectX-5, ConnectX-6, ConnectX-7 and its virtual function.
    package func port(of adapter: Device) -> Port {
        if let special = ports[adapter.names[1]] { return special }
        switch adapter.device {
        case 0x1017: return Port(gigabits: 100, speed: "EDR")
        case 0x101b: return Port(gigabits: 200, speed: "HDR")
        default: return Port(gigabits: 400, speed: "NDR")
        }
    }

    package var adapters: [Device] { devices.filter { $0.kind == .fabric } }

    /// Words of four bytes a second, each way: a quarter of what the link carries.
    package func wordsPerSecond(_ port: Port) -> UInt64 {
        UInt64(port.gigabits) * 1_000_000_000 / 8 / 4 / 4
    }

    /// A counter of a port so many seconds after the start.
    package func count(_ name: String, of adapter: Device, after seconds: UInt64) -> UInt64 {
        let port = port(of: adapter)
        let words = wordsPerSecond(port)
        let index = UInt64(adapters.firstIndex { $0.address == adapter.address } ?? 0)
        switch name {
        case "port_xmit_data": return 7_000_000_000 * (index + 1) + words * seconds
        case "port_rcv_data": return 6_000_000_000 * (index + 1) + words * seconds
        case "port_xmit_packets", "unicast_xmit_packets", "port_rcv_packets",
            "unicast_rcv_packets":
            return 70_000_000 * (index + 1) + words / 1024 * seconds
        case "port_xmit_wait": return 90_001 + index + (port.rates[name] ?? 1_009) * seconds
        default: return index + (port.rates[name] ?? 0) * seconds
        }
    }

    package static let portCounters = [
        "VL15_dropped", "excessive_buffer_overrun_errors", "link_downed", "link_error_recovery",
        "local_link_integrity_errors", "multicast_rcv_packets", "multicast_xmit_packets",
        "port_rcv_constraint_errors", "port_rcv_data", "port_rcv_errors", "port_rcv_packets",
        "port_rcv_remote_physical_errors", "port_rcv_switch_relay_errors",
        "port_xmit_constraint_errors", "port_xmit_data", "port_xmit_discards",
        "port_xmit_packets", "port_xmit_wait", "symbol_error", "unicast_rcv_packets",
        "unicast_xmit_packets",
    ]

    package static let hardwareCounters = [
        "duplicate_request", "implied_nak_seq_err", "local_ack_timeout_err",
        "np_cnp_sent", "np_ecn_marked_roce_packets", "out_of_buffer", "out_of_sequence",
        "packet_seq_err", "req_cqe_error", "req_cqe_flush_error", "req_remote_access_errors",
        "req_remote_invalid_request", "resp_cqe_error", "resp_cqe_flush_error",
        "resp_local_length_error", "resp_remote_access_errors", "rnr_nak_retry_err",
        "roce_adp_retrans", "roce_adp_retrans_to", "roce_slow_restart", "rp_cnp_handled",
        "rp_cnp_ignored", "rx_atomic_requests", "rx_read_requests", "rx_write_requests",
    ]

    func writePorts(to tree: borrowing Tree) throws(FileError) {
        for adapter in adapters {
            let port = port(of: adapter)
            let folder = "\(adapter.path)/infiniband/\(adapter.names[1])"
            try tree.write("\(folder)/fw_ver", "28.39.3004")
            try tree.write("\(folder)/board_id", "MT_0000000838")
            try tree.write("\(folder)/hca_type", "MT4129")
            try tree.write("\(folder)/ports/1/link_layer", port.layer)
            try tree.write("\(folder)/ports/1/state", port.state)
            try tree.write("\(folder)/ports/1/phys_state", port.physicalState)
            try tree.write(
                "\(folder)/ports/1/rate", "\(port.gigabits) Gb/sec (\(port.lanes)X \(port.speed))")
            try tree.write("\(folder)/ports/1/hw_counters/lifespan", "12")
            let interface = "\(adapter.path)/net/\(adapter.names[0])"
            try tree.write("\(interface)/mtu", "\(port.mtu)")
            try tree.write("\(interface)/dev_port", "0")
        }
    }

    func writePortCounters(to tree: borrowing Tree, after seconds: UInt64) throws(FileError) {
        for adapter in adapters {
            let folder = "\(adapter.path)/infiniband/\(adapter.names[1])/ports/1"
            let groups = [
                ("counters", Self.portCounters), ("hw_counters", Self.hardwareCounters),
            ]
            for (group, names) in groups {
                for name in names {
                    let count = count(name, of: adapter, after: seconds)
                    guard seconds == 0 || count != self.count(name, of: adapter, after: 0) else {
                        continue
                    }
                    try tree.write("\(folder)/\(group)/\(name)", "\(count)")
                }
            }
            let lost = count("carrier_down_count", of: adapter, after: seconds)
            try tree.write(
                "\(adapter.path)/net/\(adapter.names[0])/carrier_down_count", "\(lost)")
        }
    }

    /// Links and errors of each PCI function; a hypervisor shows no errors.
    func writeLink(_ address: String, in path: String, to tree: borrowing Tree) throws(FileError) {
        try tree.write("\(path)/current_link_speed", "32.0 GT/s PCIe")
        try tree.write("\(path)/max_link_speed", "32.0 GT/s PCIe")
        try tree.write("\(path)/current_link_width", "\(lanes[address] ?? 16)")
        try tree.write("\(path)/max_link_width", "16")
    }

    func writeLinkErrors(to tree: borrowing Tree, after seconds: UInt64) throws(FileError) {
        guard !isVirtual else { return }
        for device in devices {
            var path = "/sys/devices/pci\(device.root)"
            for address in device.bridges + [device.address] {
                path += "/\(address)"
                guard seconds == 0 || linkErrors[address] != nil else { continue }
                let count = 3 + (linkErrors[address] ?? 0) * seconds
                try tree.write(
                    "\(path)/aer_dev_correctable",
                    "RxErr 0\nBadTLP \(count)\nBadDLLP 0\nTOTAL_ERR_COR \(count)")
                try tree.write("\(path)/aer_dev_nonfatal", "DLP 0\nTLP 0\nTOTAL_ERR_NONFATAL 0")
                try tree.write("\(path)/aer_dev_fatal", "DLP 0\nTLP 0\nTOTAL_ERR_FATAL 0")
            }
        }
    }
}

extension Machine {
    /// A DGX H100 with five faults outside of its software: a port that came up with half its
    /// lanes, a congested one, one with a bad cable, an adapter with half its PCIe lanes, and
    /// errors on the way to a GPU. The vectors of its last adapter fire on the other node.
    package static var faultyFabric: Machine {
        var machine = dgxH100
        machine.name = "faulty-fabric"
        let good = Port(gigabits: 400, speed: "NDR")
        var narrow = Port(gigabits: 200, speed: "NDR")
        narrow.lanes = 2
        machine.ports["mlx5_9"] = narrow
        // 64 bytes each: 6.4 of 50 GB in a second.
        var congested = good
        congested.rates["port_xmit_wait"] = 100_000_000
        machine.ports["mlx5_5"] = congested
        var bad = good
        bad.rates = ["symbol_error": 3, "port_rcv_errors": 2, "link_error_recovery": 1]
        machine.ports["mlx5_10"] = bad
        for adapter in machine.adapters where adapter.names[1] == "mlx5_4" {
            machine.lanes[adapter.address] = 8
            machine.lanes[adapter.bridges[2]] = 8
        }
        let gpus = machine.devices.filter { $0.kind == .gpu }
        machine.linkErrors[gpus[2].bridges[0]] = 7
        machine.vectorRate = 20
        let last = machine.adapters[7].address
        let elsewhere = machine.cpus(of: 0)
        for index in machine.interrupts.indices where machine.interrupts[index].device == last {
            machine.interrupts[index].affinity = elsewhere
            machine.interrupts[index].effective = elsewhere[index % elsewhere.count]
        }
        return machine
    }
}
