import Accelerators
import ArgumentParser
import Glibc
import Host

/// How GPUs are asked.
struct GPUOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "NVIDIA's management library; also from STOKER_NVML.", valueName: "file",
            visibility: .hidden))
    var nvml: String?

    /// Starting the driver takes seconds where no persistence mode keeps it ready. Judgement.
    private static let longestStart: UInt64 = 3_000_000_000

    /// The list of a GPU's processes is the dearest question: up to 5 ms have been published.
    private static let longestAnswer: UInt64 = 300_000_000

    /// Who asks the drivers, with `facts` told of what there is; `nil` on a host without any.
    func worker(on host: Host, _ facts: inout HostFacts) -> GPUWorker? {
        Self.worker(
            nvml ?? Terminal.variable("STOKER_NVML"), on: host, &facts, within: Self.longestStart)
    }

    /// The same with NVIDIA's library at `library`, waiting for at most so many ns.
    static func worker(
        _ library: String?, on host: Host, _ facts: inout HostFacts, within patience: UInt64
    ) -> GPUWorker? {
        guard library != nil || !GPUDrivers(on: host).isEmpty else { return nil }
        let worker = GPUWorker(library: library, root: host.root)
        facts.gpus = worker.ask(within: patience).facts
        return worker
    }

    /// Processes with a context on each GPU, by its PCI address, as far as its driver tells.
    func processes(_ worker: GPUWorker) -> [String: [Int32]] {
        let readings = worker.ask(within: Self.longestAnswer).readings
        return Dictionary(
            readings.compactMap { gpu in gpu.processes.map { (gpu.pci, $0) } },
            uniquingKeysWith: { first, _ in first })
    }
}
