import Accelerators
import ArgumentParser
import Host

/// The child process that asks the drivers of GPUs; Stoker starts it itself.
struct GPUWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gpu-worker",
        abstract: "Asks the drivers of GPUs, one line of JSON for each line on stdin.",
        shouldDisplay: false)

    @Option(help: "NVIDIA's management library.")
    var nvml: String?

    @Option(help: "Another host's /proc and /sys.")
    var root: String?

    @Option(help: "The descriptor to answer on.")
    var answers: Int32 = 1

    @Option(help: "A descriptor of memory to show calls in.")
    var slots: Int32?

    func run() throws {
        let worker = GPUWorkerProcess(
            library: nvml, host: Host(root: root ?? ""), answers: answers, slots: slots)
        guard let worker else { throw Exit.failure }
        worker.run()
    }
}
