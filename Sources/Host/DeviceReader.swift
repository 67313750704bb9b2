/// The functions on the PCI buses: those that training cares about, and whose each
/// message-signalled interrupt is.
package struct PCIBus: Sendable {
    /// By address.
    package private(set) var devices: [DeviceFacts] = []
    private var owners: [Int: Owner] = [:]

    private struct Owner {
        var address: String
        var node: Int?
    }

    private static let folder = "/sys/bus/pci/devices"

    package static func read(from host: Host) -> PCIBus {
        var bus = PCIBus()
        for address in host.names(in: folder) where isAddress(address) {
            guard let path = folder(of: address, host) else { continue }
            let node = host.number("\(path)/numa_node").flatMap { $0 >= 0 ? Int($0) : nil }
            let interrupts = host.numbers(in: "\(path)/msi_irqs").filter { $0 >= 0 }
            for irq in interrupts { bus.owners[irq] = Owner(address: address, node: node) }
            guard var device = device(address, at: path, host) else { continue }
            device.node = node
            device.interrupts = interrupts
            bus.devices.append(device)
        }
        return bus
    }

    /// The interrupt with the device that raises it. Where the node of the device is known it
    /// stands for that of the interrupt: the file in /proc/irq was seen to name another one.
    package func located(_ interrupt: InterruptFacts) -> InterruptFacts {
        guard let owner = owners[interrupt.irq] else { return interrupt }
        var located = interrupt
        located.device = owner.address
        located.node = owner.node ?? interrupt.node
        return located
    }

    /// The folder of a function. The link to it is resolved by its text: a captured tree that
    /// links to outside of itself is not followed.
    package static func folder(of address: String, _ host: Host) -> String? {
        let entry = "\(folder)/\(address)"
        guard let path = host.resolvedLink(entry) else { return entry }
        return path.hasPrefix("/sys/devices/") && path.hasSuffix("/\(address)") ? path : nil
    }

    /// `nil` for what is of no kind that training cares about.
    private static func device(_ address: String, at path: String, _ host: Host) -> DeviceFacts? {
        guard let code = host.hexadecimal("\(path)/class") else { return nil }
        let names = DeviceNames(below: path, host)
        let vendor = host.hexadecimal("\(path)/vendor")
        guard let kind = kind(classCode: code, vendor: vendor, names) else { return nil }
        var device = DeviceFacts(kind: kind, address: address)
        device.vendor = vendor
        device.device = host.hexadecimal("\(path)/device")
        device.driver = host.link("\(path)/driver")?.split(separator: "/").last.map(String.init)
        device.names = (device.driver == "nvidia" ? deviceFile(address, host) : []) + names.all
        device.localCPUs = host.line("\(path)/local_cpulist").flatMap { CPUList(parsing: $0) }
        device.link = LinkFacts(reading: path, host)
        let steps = path.split(separator: "/").dropLast().map(String.init)
        device.bridges = steps.filter(isAddress)
        device.hostBridge = steps.first { $0.hasPrefix("pci") && $0.contains(":") }
        return device
    }

    /// By the class codes of the PCI Code and ID Assignment Specification: base and sub-class.
    private static func kind(classCode: Int, vendor: Int?, _ names: DeviceNames)
        -> DeviceFacts.Kind?
    {
        // An Ethernet adapter that speaks RoCE is a part of the fabric, whatever its class.
        if !names.fabric.isEmpty { return .fabric }
        switch classCode >> 8 {
        case 0x0300, 0x0380: return onlyShow.contains(vendor ?? 0) ? nil : .gpu
        case 0x0302, 0x1200: return .gpu
        case 0x0108: return .drive
        case 0x0100...0x01ff: return names.drives.isEmpty ? nil : .drive
        case 0x0207, 0x0208: return .fabric
        case 0x0200, 0x0280: return .network
        default: return nil
        }
    }

    /// Vendors of graphics that no one computes on, by pci.ids: management controllers (ASPEED,
    /// Matrox) and the screens of virtual machines (Bochs, Cirrus, Hyper-V, QXL, virtio,
    /// VirtualBox, VMware).
    private static let onlyShow: Set = [
        0x1a03, 0x102b, 0x1234, 0x1013, 0x1414, 0x1b36, 0x1af4, 0x80ee, 0x15ad,
    ]

    /// The number that the NVIDIA driver gave the GPU: `nvidia3` is /dev/nvidia3.
    private static func deviceFile(_ address: String, _ host: Host) -> [String] {
        let path = "/proc/driver/nvidia/gpus/\(address)/information"
        guard let bytes = try? host.bytes(path, limit: 64 << 10) else { return [] }
        var text = KernelText(bytes)
        while text.nextLine() {
            guard text.skip("Device"), text.skip("Minor:"), let minor = text.number() else {
                continue
            }
            return ["nvidia\(minor)"]
        }
        return []
    }

    /// `0000:1b:00.0`: domain, bus, device and function, in hexadecimal digits.
    package static func isAddress(_ name: String) -> Bool {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].utf8.count >= 4 else { return false }
        let ends = parts[2].split(separator: ".", omittingEmptySubsequences: false)
        guard ends.count == 2, parts[1].utf8.count == 2, ends[0].utf8.count == 2,
            ends[1].utf8.count == 1
        else { return false }
        return (parts[0] + parts[1] + ends[0] + ends[1]).utf8.allSatisfy(isLowerHexadecimal)
    }

    private static func isLowerHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }
}

extension LinkFacts {
    /// `nil` where there is no link, as inside of a processor or of a virtual machine.
    package init?(reading folder: String, _ host: Host) {
        guard let speed = Self.speed(host.line("\(folder)/current_link_speed")),
            let lanes = Self.lanes(host.number("\(folder)/current_link_width"))
        else { return nil }
        self.init(gigatransfers: speed, lanes: lanes)
        mostGigatransfers = Self.speed(host.line("\(folder)/max_link_speed"))
        mostLanes = Self.lanes(host.number("\(folder)/max_link_width"))
    }

    /// `16.0 GT/s PCIe`, without the last word on old kernels, or `Unknown`.
    private static func speed(_ line: String?) -> Double? {
        let words = (line ?? "").split(separator: " ")
        guard words.count >= 2, words[1] == "GT/s", let speed = Double(words[0]),
            speed > 0, speed < 1000
        else { return nil }
        return speed
    }

    /// 0 and 255 mean unknown; the widest link has 32 lanes.
    private static func lanes(_ number: Int64?) -> Int? {
        number.flatMap { (1...32).contains($0) ? Int($0) : nil }
    }
}

extension Host {
    /// A file that holds one number such as `0x10de`; `nil` when it cannot be read or is none.
    func hexadecimal(_ path: String) -> Int? {
        guard let line = line(path), line.hasPrefix("0x") else { return nil }
        return UInt32(line.dropFirst(2), radix: 16).map(Int.init)
    }

    /// Where the symbolic link at `path` leads by its text alone, seen from the root of this
    /// host and never above it; `nil` when there is no link.
    package func resolvedLink(_ path: String) -> String? {
        guard let target = link(path) else { return nil }
        var parts = target.hasPrefix("/") ? [] : Array(path.split(separator: "/").dropLast())
        for part in target.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
