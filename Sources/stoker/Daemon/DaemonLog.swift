import Configuration
import Daemon
import Rules
import Service
import Serving
import Signals

// What the daemon says on stderr, and how urgent that is.
extension Log {
    init(_ settings: DaemonSettings, toJournal: Bool) {
        self.init(
            least: Urgency(settings.logLevel),
            style: LogStyle(isJSON: settings.logFormat == .json, isJournal: toJournal))
    }

    mutating func take(_ settings: DaemonSettings, toJournal: Bool) {
        least = Urgency(settings.logLevel)
        style = LogStyle(isJSON: settings.logFormat == .json, isJournal: toJournal)
    }

    mutating func note(_ open: OpenListener, hasUsers: Bool) {
        write(.info, "listens", [("address", open.address)])
        guard open.isBeyondLoopback else { return }
        write(
            .warning,
            hasUsers
                ? "listens beyond loopback without TLS, which is not built in yet: passwords cross"
                    + " the network in the clear"
                : "listens beyond loopback without TLS and without passwords: everybody on that"
                    + " network can read what this host runs",
            [("address", open.address)])
    }

    mutating func note(_ hooks: [HookState]) {
        for hook in hooks {
            guard let reason = hook.reason else { continue }
            write(
                .warning, "a probe is missing",
                [("probe", hook.probe), ("hook", hook.hook), ("reason", reason)])
        }
        write(.info, "probes", [("attached", "\(hooks.count { $0.reason == nil })")])
    }

    mutating func note(_ history: DaemonHistory.Status, before: DaemonHistory.Status?) {
        guard history.trouble != before?.trouble else { return }
        if let trouble = history.trouble {
            write(.warning, "keeps no history", [("reason", trouble)])
        } else if before != nil {
            write(.info, "keeps history again", [("missed", "\(history.missed)")])
        }
    }

    mutating func note(_ tick: Tick) {
        for finding in tick.change.raised {
            write(
                finding.severity >= .warning ? .warning : .info, "raised: \(finding.summary)",
                facts(of: finding))
        }
        for finding in tick.change.cleared {
            write(.info, "cleared: \(finding.summary)", facts(of: finding))
        }
        switch tick.decision {
        case .none: break
        case .leaveOut(let luxury):
            write(
                .warning, "leaves something out to keep to the overhead budget",
                [("part", luxury.name), ("overhead", percent(tick.own.overhead))])
        case .takeIn(let luxury):
            write(
                .info, "takes something in again",
                [("part", luxury.name), ("overhead", percent(tick.own.overhead))])
        }
        write(
            .debug, "tick",
            [
                ("verdict", "\(tick.diagnosis.verdict)"), ("overhead", percent(tick.own.overhead)),
                ("rss", "\(tick.own.usage.residentBytes)"), ("cpu", "\(tick.own.usage.cpuSeconds)"),
                ("seconds", "\(tick.own.tickSeconds)"),
            ])
    }

    private func facts(of finding: Finding) -> [(String, String)] {
        let culprit = finding.culprit.map { [("culprit", $0.name)] } ?? []
        return [("rule", finding.rule), ("cause", finding.cause.rawValue)] + culprit
    }

    private func percent(_ share: Double) -> String {
        "\((share * 100_000).rounded() / 1_000) %"
    }
}

extension Urgency {
    init(_ level: LogLevel) {
        self =
            switch level {
            case .error: .error
            case .warning: .warning
            case .info: .info
            case .debug: .debug
            }
    }
}
