import Foundation
import Outputs
import Rules
import Testing

private let hit = GPULoss(
    pci: "0000:61:00.0", name: "NVIDIA H100", processes: [4242], idleShare: 0.3,
    parts: [
        GPULoss.Part(
            rule: "noisy-neighbour", cause: .cpuContention,
            culprit: FindingCulprit(kind: .process, id: "812", name: "stress-ng"), share: 0.21,
            confidence: .measured)
    ], programShare: 0.05, unexplainedShare: 0.04)
private let busy = GPULoss(
    pci: "0000:1b:00.0", name: nil, processes: [4243], idleShare: 0.001, unexplainedShare: 0.001)

private func text(_ gpus: [GPULoss]) -> String {
    var diagnosis = Samples.diagnosis
    diagnosis.gpus = gpus
    let style = TextStyle(colour: false, unicode: true, width: 80)
    return textReport(
        Samples.observation(), diagnosis, rules: [], version: "0.1.0", style: style)
}

/// What the idle time of GPUs goes back to, as text and as JSON.
@Suite struct GPUReportTests {
    @Test func withoutGPUsThereIsNoSection() {
        #expect(!text([]).contains("cost the GPUs"))
    }

    @Test func anIdleGPUNamesItsReasons() {
        #expect(
            text([busy, hit]).contains(
                """
                What it cost the GPUs
                  0000:61:00.0  idle 30 %: 21 % noisy-neighbour by stress-ng (pid 812)
                                (measured), 5 % while the program itself was at work, 4 % for no
                                reason seen on this host
                  The other GPU was idle for less than 2 % of the time.
                """), "\(text([busy, hit]))")
    }

    @Test func busyGPUsAreOneLine() {
        let report = text([busy, busy])
        #expect(report.contains("2 GPUs were idle for less than 2 % of the time."), "\(report)")
    }

    @Test func hostileNamesStayNames() {
        for name in hostileTexts(100) {
            var gpu = hit
            (gpu.pci, gpu.name) = (name, name)
            gpu.parts[0].culprit?.name = name
            #expect(harmful(in: text([gpu]), allowingLines: true).isEmpty)
        }
    }

    @Test func jsonSaysTheSame() throws {
        var diagnosis = Samples.diagnosis
        diagnosis.gpus = [hit]
        let json = jsonReport(Samples.observation(), diagnosis, version: "0.1.0")
        let report = try #require(
            JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let gpu = try #require((report["gpus"] as? [[String: Any]])?.first)
        #expect(gpu["address"] as? String == "0000:61:00.0")
        #expect(gpu["hostShare"] as? Double == 0.21)
        #expect(gpu["programShare"] as? Double == 0.05)
        let part = try #require((gpu["parts"] as? [[String: Any]])?.first)
        #expect(part["rule"] as? String == "noisy-neighbour")
        #expect(part["confidence"] as? String == "measured")
    }
}
