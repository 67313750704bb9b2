import Accelerators
package import Host

/// What each GPU did, and what held it back, as its driver tells.
package struct GPUs: Signal {
    package static let name = "gpu"

    /// In the order of their PCI addresses.
    package var gpus: [GPUReading]
    /// Why NVIDIA's library gives nothing, where it does not.
    package var library: LibraryTrouble?
    package var gaps: Gaps

    package init(gpus: [GPUReading] = [], library: LibraryTrouble? = nil, gaps: Gaps = Gaps()) {
        self.gpus = gpus
        self.library = library
        self.gaps = gaps
    }

    /// The GPU at that PCI address.
    package subscript(_ pci: String) -> GPUReading? { gpus.first { $0.pci == pci } }

    package static func open(on source: Source) throws(Unavailable) -> Reader<GPUs> {
        guard let worker = source.gpus else {
            let hasDriver = !GPUDrivers(on: source.host).isEmpty
            throw Unavailable(hasDriver ? "the GPU driver was not asked" : GPUDrivers.none)
        }
        let reader = GPUReader(worker, source.gpuProbe, source.host)
        return { () throws(Unavailable) in reader.totals() }
    }

    package func since(_ earlier: GPUs) -> GPUs {
        GPUs(
            gpus: matched(gpus, earlier.gpus, by: \.pci).map { now, before in
                before.map { now.since($0) } ?? now.sinceItself
            },
            library: library, gaps: gaps.since(earlier.gaps))
    }
}

/// Puts the worker's answers together with the errors that the driver reports to its probe, or else
/// to the kernel's log. A class because the log stays open and what was reported is kept.
private final class GPUReader {
    private let worker: GPUWorker
    private let probe: GPUProbe?
    private var log: XIDLog?
    private var logReason: String?
    private var xids: [String: [XID]] = [:]

    /// A tick waits for healthy GPUs some milliseconds, and for others not longer than this.
    private static let wait: UInt64 = 150_000_000
    /// A GPU in trouble reports the same over and over.
    private static let mostXIDs = 1_024

    init(
        _ worker: GPUWorker, _ probe: Result<GPUProbe, Unavailable>?, _ host: Host
    ) {
        self.worker = worker
        self.probe = probe.flatMap { try? $0.get() }
        guard self.probe == nil else { return }
        do throws(FileError) { log = try XIDLog(of: host) } catch {
            logReason =
                "errors of GPUs (XIDs) are not seen: cannot read \(error.path): "
                + error.reason
            if case .failure(let why) = probe { logReason?.append("; " + why.reason) }
        }
    }

    func totals() -> GPUs {
        for reported in probe?.news() ?? log?.news() ?? [] {
            xids[reported.pci, default: []].append(reported.xid)
            if xids[reported.pci, default: []].count > Self.mostXIDs {
                xids[reported.pci]?.removeFirst()
            }
        }
        let answer = worker.ask(within: Self.wait)
        var readings = answer.readings
        let known = Set(readings.map(\.pci))
        // The driver may tell of a GPU that nobody else can reach any more.
        readings += xids.keys.filter { !known.contains($0) }.map { GPUReading(pci: $0) }
        for index in readings.indices { readings[index].xids = xids[readings[index].pci] ?? [] }
        var gaps = Gaps(reasons: answer.troubles + [logReason].compactMap { $0 })
        gaps.lost = (try? probe?.lost()) ?? log?.overruns ?? 0
        return GPUs(
            gpus: readings.sorted { $0.pci < $1.pci }, library: answer.library, gaps: gaps)
    }
}
