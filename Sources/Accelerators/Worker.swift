import CNVML
import FoundationEssentials
import Glibc
package import Host

/// The child process that asks the drivers. Its main thread never does: it answers its parent,
/// whatever becomes of the others.
package struct GPUWorkerProcess {
    private let host: Host
    private let answers: CInt
    private let library: LibraryThread?
    private let cards: [DeviceThread]
    private let done: Signpost

    /// `library`: where NVIDIA's library is, if it is not to be looked for. `slots`: memory that
    /// the parent gave, if there is one.
    package init?(library path: String?, host: Host, answers: CInt, slots: CInt?) {
        // Before there are other threads: each would keep its own.
        name_thread(gpuWorkerName)
        _ = drop_privileges()
        guard let done = Signpost() else { return nil }
        let slots = slots.flatMap { WorkerSlots(descriptor: $0) } ?? WorkerSlots()
        let drivers = GPUDrivers(on: host)
        let epoch = monotonicNanoseconds()
        self.host = host
        self.answers = answers
        self.done = done
        library =
            path == nil && !drivers.hasNVIDIA
            ? nil
            : LibraryThread(
                path: path ?? NVMLLibrary.defaultPath, host: host, slots: slots, done: done,
                epoch: epoch)
        cards = Self.cards(drivers, host, slots, done, epoch)
    }

    /// Cards of amdgpu have the last places, for NVIDIA's GPUs begin with the first.
    private static func cards(
        _ drivers: GPUDrivers, _ host: Host, _ slots: WorkerSlots, _ done: Signpost, _ epoch: UInt64
    ) -> [DeviceThread] {
        drivers.amdCards.prefix(WorkerSlots.count / 2).enumerated().compactMap { index, card in
            guard let pci = AMDDevice.address(ofCard: card, host) else { return nil }
            let slot = slots[WorkerSlots.count - 1 - index]
            return DeviceThread(pci: pci, slot: slot, done: done) {
                () throws(WorkerFailure) -> DeviceThread.Look in
                var device = AMDDevice(card: card, pci: pci, slot: slot, host: host, epoch: epoch)
                return { device.look() }
            }
        }
    }

    /// Answers until the parent is gone.
    package func run() {
        var lines = LineReader(descriptor: STDIN_FILENO, longest: 64 << 10)
        while let line = lines.next() {
            guard let request = try? JSONDecoder().decode(WorkerRequest.self, from: Data(line))
            else { continue }
            guard answer(request) else { return }
        }
    }

    private var threads: [DeviceThread] { cards + (library?.threads ?? []) }

    private func answer(_ request: WorkerRequest) -> Bool {
        let deadline = monotonicNanoseconds() &+ request.milliseconds &* 1_000_000
        let without = Set(request.without)
        while true {
            // The library may find its GPUs while we wait for it.
            for thread in threads where !without.contains(thread.pci) { thread.ask() }
            let isWaiting =
                library?.isStarting == true || threads.contains { $0.isWorthWaitingFor }
            let now = monotonicNanoseconds()
            guard isWaiting, now < deadline else { break }
            done.wait(milliseconds: (deadline - now) / 1_000_000 + 1)
        }
        let answer = WorkerAnswer(
            id: request.id, library: library?.trouble,
            devices: threads.filter { !without.contains($0.pci) }.map(\.report))
        guard let data = try? JSONEncoder().encode(answer) else { return true }
        return writeAll(Array(data) + [UInt8(ascii: "\n")], to: answers)
    }
}

/// Writes all of `bytes`; false when nobody takes them.
func writeAll(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
    }
    return true
}

/// Lines from a pipe. A line that is too long is left out.
struct LineReader {
    private let descriptor: CInt
    private let longest: Int
    private var buffer: [UInt8] = []
    private var scanned = 0
    private var isTooLong = false

    init(descriptor: CInt, longest: Int) {
        self.descriptor = descriptor
        self.longest = longest
    }

    enum Piece: Equatable {
        case line([UInt8])
        /// Nothing more now.
        case nothing
        /// The other side is gone.
        case end
    }

    /// The next line; `nil` at the end.
    mutating func next() -> [UInt8]? {
        while true {
            switch piece() {
            case .line(let line): return line
            case .nothing: continue
            case .end: return nil
            }
        }
    }

    /// What one look gives; waits only where the descriptor does.
    mutating func piece() -> Piece {
        if let line = taken() { return .line(line) }
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0 { return errno == EAGAIN || errno == EINTR ? .nothing : .end }
        guard count > 0 else { return .end }
        buffer += chunk.prefix(count)
        return taken().map { .line($0) } ?? .nothing
    }

    private mutating func taken() -> [UInt8]? {
        while let end = buffer[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(buffer[..<end])
            buffer.removeSubrange(...end)
            scanned = 0
            if !isTooLong { return line }
            isTooLong = false
        }
        scanned = buffer.count
        if buffer.count > longest {
            (buffer, scanned, isTooLong) = ([], 0, true)
        }
        return nil
    }
}
