import ArgumentParser
import Daemon
import Glibc
import Host
import Rules

struct DaemonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon", abstract: "Runs for ever: metrics, findings, recording.")

    @OptionGroup var gpus: GPUOptions

    func run() throws {
        let interruptions = Interruptions()
        let host = Host()
        var facts = HostFacts.read(from: host)
        let worker = gpus.worker(on: host, &facts)
        var engine = Engine(
            on: host, facts: facts, rules: catalogue, settings: EngineSettings(), gpus: worker)
        var next = monotonicNanoseconds()
        while true {
            let pause = engine.look()
            let now = monotonicNanoseconds()
            if now >= next {
                next = max(next + 1_000_000_000, now)
                if let tick = engine.tick(at: wallClock()) { show(tick) }
            }
            let left = next > now ? (next - now) / 1_000_000 : 0
            guard let event = interruptions.wait(milliseconds: min(pause, left)) else { continue }
            if event.signal == SIGTERM || event.signal == SIGINT { break }
        }
    }

    private func show(_ tick: Tick) {
        for finding in tick.change.raised { Terminal.complain("raised \(finding.rule): \(finding.summary)") }
        for finding in tick.change.cleared { Terminal.complain("cleared \(finding.rule)") }
        if tick.decision != .none { Terminal.complain("\(tick.decision)") }
        Terminal.complain(
            "\(tick.diagnosis.verdict) overhead \(tick.own.overhead) rss \(tick.own.usage.residentBytes >> 10)K fds \(tick.own.usage.descriptors) tick \(tick.own.tickSeconds) cpu \(tick.own.usage.cpuSeconds) maps \(tick.own.mapBytes)")
    }
}
