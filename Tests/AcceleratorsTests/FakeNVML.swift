import FoundationEssentials
import Glibc
import Host
import Machines

@testable import Accelerators

/// The fake library of Tests/NVML, with a scenario of its own beside it.
struct FakeNVML: ~Copyable {
    private let tree = Tree()

    static let project = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    static let program = "\(project)/.build/debug/stoker"

    /// Tests/NVML/build.sh has run, and stoker is built.
    static var isBuilt: Bool {
        access("\(project)/.build/nvml/r470/libnvidia-ml.so.1", R_OK) == 0
            && access(program, X_OK) == 0
    }

    /// Two GPUs, and what `lines` add.
    init(_ lines: String, release: String = "r9999") throws {
        try tree.link(
            "/libnvidia-ml.so.1", to: "\(Self.project)/.build/nvml/\(release)/libnvidia-ml.so.1")
        try tree.write(
            "/scenario",
            """
            driver 570.86.15
            trace \(tree.folder)/trace
            gpu 0 pci=0000:1b:00.0 name=NVIDIA_H100_80GB_HBM3 uuid=GPU-a pids=5000,5001
            gpu 1 pci=0000:43:00.0 name=NVIDIA_H100_80GB_HBM3 uuid=GPU-b
            \(lines)
            """)
    }

    var library: String { "\(tree.folder)/libnvidia-ml.so.1" }

    func worker(_ change: (inout GPUWorker.Timing) -> Void = { _ in }) -> GPUWorker {
        var timing = GPUWorker.Timing()
        change(&timing)
        return GPUWorker(library: library, program: Self.program, timing: timing)
    }

    /// Calls of each function so far, all threads and GPUs together.
    var calls: [String: Int] {
        let text = (try? tree.host.text("/trace")) ?? ""
        return text.split(separator: "\n").reduce(into: [:]) { counts, line in
            let words = line.split(separator: " ")
            if words.count == 4 { counts[String(words[2]), default: 0] += 1 }
        }
    }
}

extension GPUWorker {
    /// Asks again and again until the answer is as wanted; the last answer where it never is.
    func ask(
        for seconds: Double = 20, until wanted: (GPUAnswer) -> Bool
    ) -> GPUAnswer {
        let end = monotonicNanoseconds() + UInt64(seconds * 1e9)
        while true {
            let answer = ask(within: 300_000_000)
            if wanted(answer) || monotonicNanoseconds() >= end { return answer }
            usleep(50_000)
        }
    }
}

extension GPUAnswer {
    subscript(_ pci: String) -> GPUReading? { readings.first { $0.pci == pci } }

    func says(_ text: String) -> Bool { troubles.contains { $0.contains(text) } }
}
