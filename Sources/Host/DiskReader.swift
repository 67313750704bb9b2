extension DiskFacts {
    /// Whole block devices. Loop and RAM disks are left out; zram stays, it may hold the swap.
    package static func read(from host: Host) -> [DiskFacts] {
        host.names(in: "/sys/block").compactMap { folder in
            let name = folder.split(separator: "!").joined(separator: "/")
            return isOfInterest(name) ? facts(name, in: "/sys/block/\(folder)", host) : nil
        }
    }

    /// Devices behind which there is neither a drive nor a swap area are not of interest.
    package static func isOfInterest(_ name: String) -> Bool {
        !["loop", "ram"].contains { prefix in
            name.hasPrefix(prefix) && UInt(name.dropFirst(prefix.count)) != nil
        }
    }

    /// `nil` for a device without a number, such as one path of a multipath drive.
    private static func facts(_ name: String, in folder: String, _ host: Host) -> DiskFacts? {
        let numbers = (host.line("\(folder)/dev") ?? "").split(separator: ":").map { Int($0) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else {
            return nil
        }
        var facts = DiskFacts(name: name, major: major, minor: minor)
        facts.readAheadKilobytes = host.number("\(folder)/queue/read_ahead_kb")
        facts.scheduler = host.choice("\(folder)/queue/scheduler")
        facts.isRotational = host.number("\(folder)/queue/rotational").map { $0 != 0 }
        facts.node = node(of: "\(folder)/device", host)
        return facts
    }

    /// The file belongs to the drive, its controller, or the PCI function above it.
    private static func node(of device: String, _ host: Host) -> Int? {
        for path in ["\(device)/numa_node", "\(device)/device/numa_node", "\(device)/../numa_node"]
        {
            if let node = host.number(path) { return node >= 0 ? Int(node) : nil }
        }
        return nil
    }
}
