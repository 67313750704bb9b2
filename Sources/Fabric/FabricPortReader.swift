package import Host

extension FabricPortFacts {
    /// Every port of every RDMA device, by device and number.
    package static func read(from host: Host) -> [FabricPortFacts] {
        let folder = "/sys/class/infiniband"
        return host.names(in: folder).flatMap { device in
            let base = "\(folder)/\(device)"
            let function = PCIFunction(of: base, host)
            return host.numbers(in: "\(base)/ports").filter { $0 > 0 }.map { number in
                var facts = FabricPortFacts(device: device, port: number)
                facts.describe(function, host)
                facts.readLink("\(base)/ports/\(number)", host)
                facts.readInterface(base, function, host)
                let class_ = host.number("\(base)/tc/\(number)/traffic_class")
                facts.trafficClass = class_.flatMap { (0...255).contains($0) ? Int($0) : nil }
                return facts
            }
        }
    }

    private mutating func describe(_ function: PCIFunction?, _ host: Host) {
        guard let function else { return }
        address = function.address
        driver = host.link("\(function.folder)/driver")?.split(separator: "/").last
            .map(String.init)
        node = host.number("\(function.folder)/numa_node").flatMap { $0 >= 0 ? Int($0) : nil }
    }

    private mutating func readLink(_ folder: String, _ host: Host) {
        layer = host.line("\(folder)/link_layer").flatMap { Layer(rawValue: $0) } ?? .other
        state = Self.word(host.line("\(folder)/state"))
        physicalState = Self.word(host.line("\(folder)/phys_state"))
        (gigabits, lanes) = Self.rate(host.line("\(folder)/rate"))
    }

    /// The kernel names the interface of RoCE ports. InfiniBand's are found by the function, where
    /// it has one, or one for each port.
    private mutating func readInterface(_ base: String, _ function: PCIFunction?, _ host: Host) {
        let named = host.line("\(base)/ports/\(port)/gid_attrs/ndevs/0")
        interface = named.flatMap { $0.isEmpty || $0.contains("/") ? nil : $0 }
        if interface == nil, let function {
            let all = host.names(in: "\(function.folder)/net")
            interface =
                all.count == 1
                ? all[0]
                : all.first { host.number("/sys/class/net/\($0)/dev_port") == Int64(port - 1) }
        }
        let bytes = interface.flatMap { host.number("/sys/class/net/\($0)/mtu") }
        mtu = bytes.flatMap { (68...1_000_000).contains($0) ? Int($0) : nil }
    }

    /// The name in `4: ACTIVE`.
    private static func word(_ line: String?) -> String? {
        let parts = (line ?? "").split(separator: ":", maxSplits: 1)
        guard parts.count == 2, UInt(parts[0]) != nil else { return nil }
        let name = parts[1].trimmed
        return name.isEmpty ? nil : String(name)
    }

    /// `400 Gb/sec (4X NDR)`, `2.5 Gb/sec (1X SDR)`
    private static func rate(_ line: String?) -> (gigabits: Double?, lanes: Int?) {
        let words = (line ?? "").split(separator: " ")
        guard words.count >= 2, words[1] == "Gb/sec", let rate = Double(words[0]), rate > 0,
            rate < 1e5
        else { return (nil, nil) }
        guard words.count >= 3, words[2].first == "(", words[2].last == "X",
            let lanes = Int(words[2].dropFirst().dropLast()), (1...16).contains(lanes)
        else { return (rate, nil) }
        return (rate, lanes)
    }
}

/// The PCI function that a device of a class is a part of.
struct PCIFunction {
    var address: String
    var folder: String

    /// By the text of the link of the class, or of `device` in it; `nil` for virtual devices.
    init?(of entry: String, _ host: Host) {
        let path =
            host.resolvedLink(entry) ?? host.resolvedLink("\(entry)/device") ?? ""
        let steps = path.split(separator: "/").map(String.init)
        guard path.hasPrefix("/sys/devices/"), let last = steps.lastIndex(where: PCIBus.isAddress)
        else { return nil }
        address = steps[last]
        folder = "/" + steps[...last].joined(separator: "/")
    }
}
