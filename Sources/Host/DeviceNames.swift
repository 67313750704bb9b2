/// What the kernel calls the parts of one PCI function, from the folders below its own.
struct DeviceNames {
    /// `mlx5_0`
    private(set) var fabric: [String] = []
    /// `eth0`
    private(set) var network: [String] = []
    /// `nvme0n1`, `sda`; an NVMe controller without a drive by its own name.
    private(set) var drives: [String] = []
    /// `card0`, `renderD128`
    private(set) var displays: [String] = []

    var all: [String] { fabric + network + drives + displays }

    /// Between a storage controller and its drives lie a host, ports, expanders and a target:
    /// two levels of SAS expanders make ten.
    private static let deepest = 10

    init(below folder: String, _ host: Host) {
        look(in: folder, depth: 0, host)
        drives = Set(drives).sorted()
    }

    private mutating func look(in folder: String, depth: Int, _ host: Host) {
        for name in host.names(in: folder) {
            let path = "\(folder)/\(name)"
            switch name {
            case "infiniband": fabric += host.names(in: path)
            case "net": network += host.names(in: path)
            case "block": drives += host.names(in: path)
            case "nvme":
                for controller in host.names(in: path) {
                    let found = host.names(in: "\(path)/\(controller)").compactMap(Self.drive)
                    drives += found.isEmpty ? [controller] : found
                }
            case "drm":
                displays += host.names(in: path).filter {
                    $0.hasPrefix("card") || $0.hasPrefix("renderD")
                }
            default:
                guard depth < Self.deepest, Self.leadsToDrives(name) else { continue }
                look(in: path, depth: depth + 1, host)
            }
        }
    }

    /// The drive that programs see: `nvme0n1`, also of `nvme0c3n1`, which is one path to it.
    static func drive(_ name: String) -> String? {
        guard name.hasPrefix("nvme") else { return nil }
        let parts = name.dropFirst("nvme".count)
            .split(separator: "n", omittingEmptySubsequences: false)
        guard parts.count == 2, UInt(parts[1]) != nil,
            let system = parts[0].split(separator: "c", omittingEmptySubsequences: false).first,
            UInt(system) != nil
        else { return nil }
        return "nvme\(system)n\(parts[1])"
    }

    /// Folders between a controller and what hangs on it: `virtio2`, `ata1`, `host0`,
    /// `target0:0:0`, `0:0:0:0` …
    private static func leadsToDrives(_ name: String) -> Bool {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 4 && parts.allSatisfy({ UInt($0) != nil }) { return true }
        return between.contains { prefix in
            name.hasPrefix(prefix) && name.dropFirst(prefix.count).first?.isNumber == true
        }
    }

    private static let between = [
        "ata", "end_device-", "expander-", "host", "port-", "rport-", "session", "target",
        "virtio",
    ]
}
