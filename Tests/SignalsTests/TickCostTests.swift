import FoundationEssentials
import Glibc
import Host
import Machines
import Testing

@testable import Signals

/// What one tick costs must not grow with what does not matter.
struct TickCostTests {
    /// Files that one reading of all signals opens on a machine with so many network queues.
    private func opened(queues: Int) throws -> (files: Int, cpus: Int) {
        var machine = Machine.workstation
        machine.addNetwork("ens9", address: "0000:09:00.0", node: 0, queues: queues)
        let tree = Tree()
        try machine.write(to: tree)
        let source = Source(
            host: tree.host, facts: HostFacts.read(from: tree.host), watch: Watch(),
            probes: false)
        let sensors = Sensors(on: source)
        let counter = try OpenCounter(folder: tree.folder)
        _ = sensors.sample()
        return (counter.opens(), machine.online.count)
    }

    @Test func aTickOpensTheSameFilesHoweverManyInterruptsThereAre() throws {
        let few = try opened(queues: 8)
        let many = try opened(queues: 600)
        #expect(few.files > 10)
        #expect(few.files == many.files)
        // Idle states and clock rate of each CPU, and some files of the whole host.
        #expect(many.files <= 8 * many.cpus + 64)
    }

    @Test func aTickReadsFewFilesOfEachPort() throws {
        let machine = Machine.dgxH100
        let tree = Tree()
        try machine.write(to: tree)
        let source = Source(
            host: tree.host, facts: HostFacts.read(from: tree.host), watch: Watch(),
            probes: false)
        let sensors = Sensors([FabricPorts.self, PCIe.self], on: source)
        _ = sensors.sample()
        let counter = try OpenCounter(folder: tree.folder)
        _ = sensors.sample()
        // Four of `counters`, each a command to the firmware, and eight of `hw_counters`.
        #expect(counter.opens() == 12 * machine.adapters.count)
        source.isAtEnd = true
        _ = sensors.sample()
        #expect(counter.opens() > 46 * machine.adapters.count)
    }
}

/// Counts how often files below a folder are opened (inotify).
private struct OpenCounter: ~Copyable {
    private let descriptor: CInt

    /// Throws where the kernel gives no more watches.
    init(folder: String) throws(FileError) {
        descriptor = inotify_init1(CInt(IN_NONBLOCK | IN_CLOEXEC))
        let below = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
        for path in [folder] + below.map({ "\(folder)/\($0)" }) {
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { continue }
            guard inotify_add_watch(descriptor, path, UInt32(IN_OPEN)) >= 0 else {
                throw FileError(path: path, errno: errno)
            }
        }
    }

    deinit { close(descriptor) }

    /// Since it was last asked; folders do not count.
    func opens() -> Int {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var count = 0
        while true {
            let length = read(descriptor, &buffer, buffer.count)
            guard length > 0 else { return count }
            buffer.withUnsafeBytes { bytes in
                var offset = 0
                while offset < length {
                    let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    if event.mask & UInt32(IN_ISDIR) == 0 { count += 1 }
                    offset += MemoryLayout<inotify_event>.size + Int(event.len)
                }
            }
        }
    }
}
