/// The table gpu_metrics of the amdgpu driver: bytes whose layout changes with each revision
/// (kgd_pp_interface.h of Linux). What the firmware does not tell is all ones.
struct AMDMetrics: Equatable {
    var celsius: UInt64?
    var memoryCelsius: UInt64?
    var watts: UInt64?
    /// Percent of a short time in which the shaders were at work.
    var activity: UInt64?
    /// 2^-16 J.
    var energy: UInt64?
    var shaderMegahertz: UInt64?
    var memoryMegahertz: UInt64?
    var lanes: UInt64?
    /// 0.1 GT/s
    var linkSpeed: UInt64?
    var replays: UInt64?
    /// KB over all links to other GPUs.
    var xgmiRead: UInt64?
    var xgmiWritten: UInt64?
    /// How often the firmware looked, and how often each throttle was on at that look.
    var looks: UInt64?
    var heldByPower: UInt64?
    var heldByHeat: UInt64?

    enum Failure: Error, Equatable {
        case cut(bytes: Int)
        case unknown(format: Int, content: Int, size: Int)
    }

    init(parsing bytes: [UInt8]) throws(Failure) {
        guard bytes.count >= 4 else { throw .cut(bytes: bytes.count) }
        let size = Int(bytes[0]) | Int(bytes[1]) << 8
        let (format, content) = (Int(bytes[2]), Int(bytes[3]))
        guard format == 1, let layout = Layout.all[content], layout.size == size else {
            throw .unknown(format: format, content: content, size: size)
        }
        guard bytes.count >= size else { throw .cut(bytes: bytes.count) }
        let table = Table(bytes: bytes)
        celsius = table.number(layout.celsius, bytes: 2)
        memoryCelsius = table.number(layout.memoryCelsius, bytes: 2)
        watts = table.number(layout.watts, bytes: 2)
        activity = table.number(layout.activity, bytes: 2).flatMap { $0 <= 100 ? $0 : nil }
        energy = table.number(layout.energy, bytes: 8)
        shaderMegahertz = table.number(layout.shaderClock, bytes: 2)
        memoryMegahertz = table.number(layout.memoryClock, bytes: 2)
        lanes = table.number(layout.lanes, bytes: 2)
        linkSpeed = table.number(layout.lanes + 2, bytes: 2)
        replays = layout.replays.flatMap { table.number($0, bytes: 8) }
        xgmiRead = layout.xgmi.flatMap { table.sum($0, count: 8) }
        xgmiWritten = layout.xgmi.flatMap { table.sum($0 + 64, count: 8) }
        guard let looks = layout.looks else { return }
        self.looks = table.number(looks, bytes: 4)
        heldByPower = table.number(looks + 8, bytes: 4)
        // Prochot, socket, voltage regulators and memory: the one that was on most.
        heldByHeat = [4, 12, 16, 20].compactMap { table.number(looks + $0, bytes: 4) }.max()
    }

    /// Offsets by content revision.
    private struct Layout {
        var size: Int
        var celsius = 4
        var memoryCelsius = 6
        var watts = 10
        var activity = 12
        var energy: Int
        var shaderClock: Int
        var memoryClock: Int
        /// The link's speed follows its width.
        var lanes: Int
        var replays: Int?
        /// Eight counters of reads, then eight of writes.
        var xgmi: Int?
        /// A counter of looks, then prochot, power, socket, regulators and memory.
        var looks: Int?

        static let all = [
            3: Layout(
                size: 120, celsius: 6, memoryCelsius: 8, watts: 22, activity: 16, energy: 24,
                shaderClock: 54, memoryClock: 58, lanes: 74),
            4: Layout(
                size: 288, energy: 24, shaderClock: 240, memoryClock: 280, lanes: 48, replays: 88,
                xgmi: 104),
            5: Layout(
                size: 328, energy: 56, shaderClock: 280, memoryClock: 320, lanes: 80, replays: 120,
                xgmi: 144),
            6: Layout(
                size: 1_664, energy: 16, shaderClock: 264, memoryClock: 304, lanes: 60,
                replays: 104, xgmi: 128, looks: 32),
            7: Layout(
                size: 2_208, energy: 24, shaderClock: 296, memoryClock: 336, lanes: 68,
                replays: 112, xgmi: 136, looks: 40),
        ]
    }

    private struct Table {
        let bytes: [UInt8]

        /// `nil` beyond the end, and where all bits are set.
        func number(_ offset: Int, bytes width: Int) -> UInt64? {
            guard offset + width <= bytes.count else { return nil }
            let part = bytes[offset..<offset + width]
            guard part.contains(where: { $0 != 0xff }) else { return nil }
            return part.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }

        /// Links that are not there do not count.
        func sum(_ offset: Int, count: Int) -> UInt64? {
            let values = (0..<count).compactMap { number(offset + $0 * 8, bytes: 8) }
            return values.isEmpty ? nil : values.reduce(0, &+)
        }
    }
}
