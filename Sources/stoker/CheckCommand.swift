import ArgumentParser
import Glibc
import Host
import Outputs
import Service
import Signals

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Says what this host can and cannot measure, and why.",
        discussion: "Every probe is really loaded and attached, and let go again.")

    @OptionGroup var gpus: GPUOptions

    func run() throws {
        let host = Host()
        var facts = HostFacts.read(from: host)
        let worker = gpus.worker(on: host, &facts)
        let source = Source(
            host: host, facts: facts, watch: Watch(everything: true), gpus: worker)
        let sensors = Sensors(on: source)
        let first = sensors.sample()
        let window = sensors.window(from: first, to: sensors.sample())
        let text = checkReport(
            probes: source.hooks.map(ProbeCheck.init),
            coverage: window.change.coverage(of: allSignals),
            facts: facts, privileges: [geteuid() == 0 ? "root" : "user \(geteuid())"],
            capabilities: capabilities, style: Terminal.style(toFile: false))
        print(text, terminator: "")
        if case .failure = source.ledger { throw Exit.failure }
    }

    private var capabilities: [CapabilityCheck] {
        let held = Capability.held() ?? 0
        return Capability.all.map {
            CapabilityCheck(name: $0.name, isHeld: held & $0.bit != 0, adds: $0.adds)
        }
    }
}

extension ProbeCheck {
    init(_ hook: HookState) {
        let state: ProbeCheck.State =
            switch hook.reason {
            case nil: .ok
            case HookState.noTracepoint, HookState.noFunction: .missing
            default: .refused
            }
        let place =
            switch hook.hook {
            case "*": "all hooks"
            case _ where hook.hook.contains("/"): hook.hook
            default: "tp_btf/\(hook.hook)"
            }
        self.init(
            name: hook.probe, hook: place,
            signal: hook.signal, state: state, reason: hook.reason, adds: hook.adds)
    }
}
