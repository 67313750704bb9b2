import Host

extension Machine {
    /// PCI functions below their host bridges, and the links of the buses and classes to them.
    func writeDevices(to tree: borrowing Tree) throws(FileError) {
        var written: Set<String> = []
        for device in devices {
            let path = device.path
            for depth in device.bridges.indices {
                let bridge = device.bridges[depth]
                guard written.insert(bridge).inserted else { continue }
                let folder = path.split(separator: "/").prefix(4 + depth).joined(separator: "/")
                try writeFunction(bridge, in: "/" + folder, device.node, to: tree)
                try tree.write("/\(folder)/vendor", "0x1000")
                try tree.write("/\(folder)/device", "0xc010")
                try tree.write("/\(folder)/class", "0x060400")
            }
            try write(device, to: tree)
        }
        try writePorts(to: tree)
    }

    private func write(_ device: Device, to tree: borrowing Tree) throws(FileError) {
        let path = device.path
        try writeFunction(device.address, in: path, device.node, to: tree)
        try tree.write("\(path)/vendor", "0x\(hexadecimal(device.vendor, digits: 4))")
        try tree.write("\(path)/device", "0x\(hexadecimal(device.device, digits: 4))")
        try tree.write("\(path)/class", device.classCode)
        try tree.link("\(path)/driver", to: up(path) + "bus/pci/drivers/\(device.driver)")
        for interrupt in interrupts where interrupt.device == device.address {
            try tree.write("\(path)/msi_irqs/\(interrupt.irq)", "msix")
        }
        for (folder, name) in device.children {
            try tree.write("\(path)/\(folder)/\(name)/uevent", "")
            try tree.link("\(path)/\(folder)/\(name)/device", to: "../../../\(device.address)")
            let target = "../.." + path.dropFirst("/sys".count) + "/\(folder)/\(name)"
            try tree.link("/sys/class/\(folder)/\(name)", to: target)
        }
        if let minor = nvidiaGPUs.firstIndex(where: { $0.address == device.address }) {
            try tree.write(
                "/proc/driver/nvidia/gpus/\(device.address)/information",
                "Model: \t\t NVIDIA\nBus Location: \t \(device.address)\nDevice Minor: \t \(minor)")
        }
        if device.kind == .drive { try writeDrive(device, to: tree) }
    }

    /// What every PCI function has.
    private func writeFunction(
        _ address: String, in path: String, _ node: Int?, to tree: borrowing Tree
    ) throws(FileError) {
        let local = CPUList(node.map { cpus(of: $0) } ?? online)
        try tree.write("\(path)/numa_node", "\(node ?? -1)")
        try tree.write("\(path)/local_cpulist", local.description)
        try tree.write("\(path)/local_cpus", local.mask)
        try writeLink(address, in: path, to: tree)
        try tree.link(
            "/sys/bus/pci/devices/\(address)", to: "../../.." + path.dropFirst("/sys".count))
    }

    private func writeDrive(_ device: Device, to tree: borrowing Tree) throws(FileError) {
        let controller = "\(device.path)/nvme/\(device.names[0])"
        let disk = "\(controller)/\(device.names[1])"
        try tree.write("\(controller)/numa_node", "\(device.node ?? -1)")
        try tree.write("\(disk)/dev", "259:\(diskMinor(device))")
        try tree.write("\(disk)/queue/rotational", "0")
        try tree.write("\(disk)/queue/scheduler", "[none] mq-deadline")
        try tree.write("\(disk)/queue/read_ahead_kb", "128")
        try tree.link("\(disk)/device", to: "../../\(device.names[0])")
        try tree.link(
            "/sys/block/\(device.names[1])", to: ".." + disk.dropFirst("/sys".count))
    }

    /// Their places are their minor numbers.
    private var nvidiaGPUs: [Device] { devices.filter { $0.driver == "nvidia" } }

    package var drives: [Device] { devices.filter { $0.kind == .drive } }

    package func diskMinor(_ drive: Device) -> Int {
        drives.firstIndex { $0.address == drive.address } ?? 0
    }

    /// The way from a folder below /sys up to /sys.
    private func up(_ path: String) -> String {
        String(repeating: "../", count: path.split(separator: "/").count - 1)
    }
}

extension Machine.Device {
    /// Its folder, below the host bridge and every bridge in between.
    package var path: String {
        "/sys/devices/pci\(root)/" + (bridges + [address]).joined(separator: "/")
    }

    /// Domain and bus of its host bridge.
    var root: Substring { (bridges.first ?? address).prefix("0000:00".count) }

    /// As sysfs spells it: class, subclass and programming interface.
    var classCode: String {
        switch kind {
        case .gpu: driver == "nvidia" ? "0x030200" : "0x120000"
        case .fabric: "0x020700"
        case .network: "0x020000"
        case .drive: "0x010802"
        }
    }

    /// Folders that its drivers make in it.
    var children: [(folder: String, name: String)] {
        switch kind {
        case .gpu: names.map { ("drm", $0) }
        case .fabric: [("net", names[0]), ("infiniband", names[1])]
        case .network: names.map { ("net", $0) }
        case .drive: [("nvme", names[0])]
        }
    }
}
