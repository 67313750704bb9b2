import Host
import Machines
import Testing

@testable import Accelerators

struct AMDTests {
    /// A table of that revision, all ones but for the header and `values` (offset, width, value).
    private func table(
        _ content: UInt8, size: Int, _ values: [(Int, Int, UInt64)], format: UInt8 = 1
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xff, count: size)
        bytes[0] = UInt8(size & 0xff)
        bytes[1] = UInt8(size >> 8)
        (bytes[2], bytes[3]) = (format, content)
        for (offset, width, value) in values {
            for byte in 0..<width {
                bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (byte * 8))
            }
        }
        return bytes
    }

    /// MI300X, Linux 6.12: 1.6.
    private var mi300: [UInt8] {
        table(
            6, size: 1_664,
            [
                (4, 2, 61), (6, 2, 47), (10, 2, 703), (12, 2, 93), (16, 8, 65_536 * 11),
                (32, 4, 1_000), (36, 4, 7), (40, 4, 211), (44, 4, 5), (48, 4, 0), (52, 4, 13),
                (60, 2, 16), (62, 2, 320), (104, 8, 3), (128, 8, 100), (136, 8, 11), (192, 8, 17),
                (264, 2, 2_105), (304, 2, 1_300),
            ])
    }

    @Test func aTableIsRead() throws {
        let metrics = try AMDMetrics(parsing: mi300)
        #expect((metrics.celsius, metrics.memoryCelsius) == (61, 47))
        #expect((metrics.watts, metrics.activity, metrics.energy) == (703, 93, 65_536 * 11))
        #expect((metrics.lanes, metrics.linkSpeed, metrics.replays) == (16, 320, 3))
        #expect((metrics.xgmiRead, metrics.xgmiWritten) == (111, 17))
        #expect((metrics.shaderMegahertz, metrics.memoryMegahertz) == (2_105, 1_300))
        #expect((metrics.looks, metrics.heldByPower, metrics.heldByHeat) == (1_000, 211, 13))
    }

    @Test(arguments: [(3, 120), (4, 288), (5, 328), (6, 1_664), (7, 2_208)])
    func allOnesAreNothing(content: Int, size: Int) throws {
        let metrics = try AMDMetrics(parsing: table(UInt8(content), size: size, []))
        #expect(metrics.celsius == nil && metrics.energy == nil && metrics.replays == nil)
        #expect(metrics.xgmiRead == nil && metrics.looks == nil && metrics.activity == nil)
    }

    @Test func damageIsToldAndNotGuessed() {
        #expect(throws: AMDMetrics.Failure.cut(bytes: 0)) { try AMDMetrics(parsing: []) }
        #expect(throws: AMDMetrics.Failure.cut(bytes: 700)) {
            try AMDMetrics(parsing: Array(mi300.prefix(700)))
        }
        #expect(throws: AMDMetrics.Failure.unknown(format: 1, content: 9, size: 1_664)) {
            try AMDMetrics(parsing: table(9, size: 1_664, []))
        }
        #expect(throws: AMDMetrics.Failure.unknown(format: 2, content: 4, size: 288)) {
            try AMDMetrics(parsing: table(4, size: 288, [], format: 2))
        }
        #expect(throws: AMDMetrics.Failure.unknown(format: 1, content: 6, size: 1_668)) {
            try AMDMetrics(parsing: table(6, size: 1_668, []))
        }
        #expect(throws: AMDMetrics.Failure.unknown(format: 0, content: 0, size: 0)) {
            try AMDMetrics(parsing: [0, 0, 0, 0])
        }
    }

    private func card(_ tree: borrowing Tree) throws {
        let folder = "/sys/class/drm/card1/device"
        for (file, text) in [
            ("vendor", "0x1002"), ("uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:C1:00.0"),
            ("gpu_busy_percent", "37"), ("mem_info_vram_total", "206141652992"),
            ("mem_info_vram_used", "300000000"), ("numa_node", "-1"),
            ("current_link_speed", "32.0 GT/s PCIe"), ("current_link_width", "16"),
            ("max_link_speed", "32.0 GT/s PCIe"), ("max_link_width", "16"),
            ("pcie_replay_count", "5"), ("pcie_bw", "1 2 256"),
            ("hwmon/hwmon4/power1_average", "251000000"), ("hwmon/hwmon4/power1_cap", "750000000"),
            ("hwmon/hwmon4/temp1_input", "52000"), ("hwmon/hwmon4/freq1_input", "132000000"),
        ] { try tree.write("\(folder)/\(file)", text) }
    }

    private func device(_ tree: borrowing Tree) throws -> AMDDevice {
        let pci = try #require(AMDDevice.address(ofCard: 1, tree.host))
        return AMDDevice(card: 1, pci: pci, slot: WorkerSlots()[1], host: tree.host, epoch: 7)
    }

    @Test func aCardIsFoundAndRead() throws {
        let tree = Tree()
        try card(tree)
        #expect(GPUDrivers(on: tree.host).amdCards == [1])
        var device = try device(tree)
        let report = device.look()
        let reading = try #require(report.reading)
        let facts = try #require(report.facts)
        #expect((reading.pci, facts.pci, facts.vendor) == ("0000:c1:00.0", "0000:c1:00.0", .amd))
        #expect(facts.numaNode == nil && facts.memoryBytes == 206_141_652_992)
        #expect((facts.maxLinkGeneration, facts.maxLinkLanes) == (5, 16))
        #expect((reading.milliwatts, reading.celsius, reading.smMegahertz) == (251_000, 52, 132))
        #expect((reading.link.generation, reading.link.lanes, reading.link.replays) == (5, 16, 5))
        #expect(reading.trouble == nil)
        let later = try #require(device.look().reading?.activity)
        #expect(later.source == .rate)
        let share = Double(later.active ?? 0) / Double(max(later.observed ?? 1, 1))
        #expect(abs(share - 0.37) < 0.001)
    }

    @Test func throttlingIsTheShareOfTheFirmwaresLooks() throws {
        let tree = Tree()
        try card(tree)
        let file = "/sys/class/drm/card1/device/gpu_metrics"
        try tree.write(file, bytes: mi300)
        var device = try device(tree)
        let first = try #require(device.look().reading)
        #expect(first.limits.throttled == [.power: 0, .thermal: 0])
        #expect(first.energyMillijoules == 11_000)
        var later = mi300
        // 100 more looks, at 25 of them held by power.
        (later[32], later[33]) = (UInt8(1_100 & 0xff), UInt8(1_100 >> 8))
        later[40] = 236
        try tree.write(file, bytes: later)
        let second = try #require(device.look().reading)
        let passed = Double(second.takenAt - first.takenAt)
        let power = Double(second.limits.throttled[.power] ?? 0)
        #expect(abs(power / passed - 0.25) < 0.001)
        #expect(second.limits.throttled[.thermal] == 0)
    }

    @Test func anUnknownTableLeavesTheFiles() throws {
        let tree = Tree()
        try card(tree)
        try tree.write("/sys/class/drm/card1/device/gpu_metrics", bytes: table(9, size: 40, []))
        var device = try device(tree)
        let reading = try #require(device.look().reading)
        #expect(reading.trouble?.hasPrefix("gpu_metrics 1.9 of 40 bytes") == true)
        #expect(reading.celsius == 52)
    }

    @Test func garbageIsNothing() throws {
        let tree = Tree()
        for file in ["vendor", "gpu_busy_percent"] {
            try tree.write("/sys/class/drm/card1/device/\(file)", "0x1002")
        }
        for file in ["uevent", "mem_info_vram_used", "current_link_speed", "gpu_metrics"] {
            try tree.write("/sys/class/drm/card1/device/\(file)", bytes: [0xff, 0xfe, 0, 10, 45])
        }
        #expect(AMDDevice.address(ofCard: 1, tree.host) == nil)
        var device = AMDDevice(
            card: 1, pci: "0000:c1:00.0", slot: WorkerSlots()[1], host: tree.host, epoch: 1)
        let reading = try #require(device.look().reading)
        #expect(reading.memoryUsedBytes == nil && reading.activity.active == nil)
        #expect(GPUDrivers(on: Tree().host).isEmpty)
    }
}
