import Fabric
import Host
import Signals
import Training

let usedPort = Limit(1e8, "bytes/s", source: "judgement: a port that RDMA really uses")

/// Questions that several rules about the fabric ask of an observation.
extension Observation {
    /// Ports of adapters. Soft RoCE counts what it itself does wrong, not a fabric.
    func fabricPorts() throws(Unavailable) -> [FabricPort] {
        try whole(FabricPorts.self).ports.filter { !$0.facts.isSoftware }
    }

    /// Ports that carry RDMA over Ethernet.
    func rocePorts() throws(Unavailable) -> [FabricPort] {
        try fabricPorts().filter { $0.facts.layer == .ethernet }
    }

    /// Ports that RDMA really uses, with their adapters.
    func usedPorts() throws(Unavailable) -> [(port: FabricPort, adapter: DeviceFacts)] {
        try fabricPorts().compactMap { port in
            guard usedPort.isReached(by: bytesPerSecond(port)),
                let adapter = device(at: port.facts.address)
            else { return nil }
            return (port, adapter)
        }
    }

    /// The GPUs that the job computes on.
    var jobGPUs: [DeviceFacts] {
        let used = Set(job.processes.flatMap(\.gpus))
        return facts.devices.filter { $0.kind == .gpu && used.contains($0.address) }
    }

    func device(at address: String?) -> DeviceFacts? {
        facts.devices.first { $0.address == address }
    }

    /// RDMA bytes a second, both ways together.
    func bytesPerSecond(_ port: FabricPort) -> Double {
        whole.perSecond(port.sentBytes ?? 0) + whole.perSecond(port.receivedBytes ?? 0)
    }
}

extension FabricPort {
    var culprit: FindingCulprit {
        FindingCulprit(
            kind: .device, id: facts.address ?? facts.device,
            name: facts.interface.map { "\(facts.name) (\($0))" } ?? facts.name)
    }

    /// `at least 15` where the counter is full.
    func inWords(_ name: String) -> String {
        (port.stuck.contains(name) ? "at least " : "") + "\(port[name])"
    }

    /// The longest that one priority was paused: `rx` by the switch, `tx` at the wish of this host.
    func pausedMicroseconds(_ direction: String) -> UInt64 {
        (0..<8).map { ethernet["\(direction)_prio\($0)_pause_duration"] }.max() ?? 0
    }

    /// A word of commands that take a device and a port.
    var words: String { "\(shellWord(facts.device)) \(facts.port)" }
}

extension Finding {
    /// What neither this host's software nor its settings do, and nothing on it can mend.
    static func outside(
        _ rule: String, _ cause: Cause, _ severity: Severity, _ confidence: Confidence,
        _ summary: String, _ culprit: FindingCulprit, _ evidence: [Evidence], _ fix: Fix,
        verify: String
    ) -> Finding {
        var finding = Finding(
            rule: rule, cause: cause, severity: severity, confidence: confidence,
            summary: summary, culprit: culprit, evidence: evidence, fix: fix, verify: verify)
        finding.isOutsideHost = true
        return finding
    }
}

extension Finding {
    /// A setting that may cost something, and of which no cost was measured.
    static func advice(
        _ rule: String, _ summary: String, _ culprit: FindingCulprit, _ evidence: [Evidence],
        _ fix: Fix, verify: String
    ) -> Finding {
        Finding(
            rule: rule, cause: .configuration, severity: .info, confidence: .configuration,
            summary: summary, culprit: culprit, evidence: evidence, fix: fix, verify: verify)
    }
}

/// A register of 16 bits as setpci writes it: four digits.
func hexadecimalWord(_ word: Int) -> String {
    let digits = String(word & 0xffff, radix: 16)
    return String(repeating: "0", count: 4 - digits.count) + digits
}

extension Fix {
    /// Hands are needed, not commands: `commands` only look.
    static func byHand(_ what: String, looking commands: [String] = []) -> Fix {
        Fix(
            commands: ["# \(what)"] + commands,
            risk: "The job stops while somebody works on it: drain the host first.")
    }
}
