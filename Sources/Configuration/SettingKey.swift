import Host
import Serving
import Training

/// One setting: how it is called, read, shown and explained. `settingKeys` is the list of them.
package struct SettingKey: Sendable {
    /// Sections and name, as `history.size`.
    package let name: String
    /// What is expected, to stand after "expected".
    package let expected: String
    package let takesList: Bool
    let takesNothing: Bool
    package let help: String
    /// A running daemon cannot take a new value.
    package let needsRestart: Bool
    package let value: @Sendable (DaemonSettings) -> SettingValue
    /// False when the words are not of its form.
    let set: @Sendable (inout DaemonSettings, [String]) -> Bool

    init<Value>(
        _ name: String, _ path: any WritableKeyPath<DaemonSettings, Value> & Sendable,
        _ form: SettingForm<Value>, needsRestart: Bool = false, _ help: String
    ) {
        self.name = name
        self.expected = form.expected
        self.takesList = form.takesList
        self.takesNothing = form.takesNothing
        self.help = help
        self.needsRestart = needsRestart
        value = { form.show($0[keyPath: path]) }
        set = { settings, words in
            guard let value = form.read(words) else { return false }
            settings[keyPath: path] = value
            return true
        }
    }

    /// `STOKER_HISTORY_SIZE` for `history.size`.
    package var variable: String {
        "STOKER_" + String(name.uppercased().map { "-.".contains($0) ? "_" : $0 })
    }
}

private let second: UInt64 = 1_000_000_000

/// Every setting, in the order of the documentation.
package let settingKeys: [SettingKey] = [
    SettingKey(
        "listen", \.listen,
        .list(
            "addresses with a port, such as 127.0.0.1:19941 or [::1]:19941", least: 1,
            read: { ListenAddress($0) }, show: { $0.description }),
        needsRestart: true,
        "Where HTTP answers. Sockets that systemd hands over come before it."),
    SettingKey(
        "web-config", \.webConfiguration, .optionalPath,
        "A web configuration file: users with passwords, headers, a rate limit."),
    SettingKey(
        "tick", \.tick, .span(second / 10...60 * second),
        "Time between two looks."),
    SettingKey(
        "window", \.window, .span(second...600 * second),
        "Time that findings are judged over; at least one tick."),
    SettingKey(
        "findings.raise-after", \.raiseAfter, .count(1...3600),
        "Ticks in a row that a finding must be seen before it is raised."),
    SettingKey(
        "findings.clear-after", \.clearAfter, .count(1...3600),
        "Ticks in a row that a finding must be gone before it is cleared."),
    SettingKey(
        "history.enabled", \.keepsHistory, .flag,
        "Whether what was seen is kept on disk, for `stoker diagnose --from`."),
    SettingKey(
        "history.folder", \.historyFolder, .path, needsRestart: true,
        "Where history is kept."),
    SettingKey(
        "history.size", \.historySize, .size(16_000_000...1_000_000_000_000),
        "Most that history may take; the oldest goes first."),
    SettingKey(
        "overhead.budget", \.overheadBudget, .share(0.0001...1),
        "Share of the host's CPU time that Stoker may take; above it the dearest probes rest."),
    SettingKey(
        "training.commands", \.training.commands,
        .list(
            "POSIX extended regular expressions without {} and \\1", read: { CommandPattern($0) },
            show: { $0.text }),
        "Processes whose command line one of these is found in count as training."),
    SettingKey(
        "training.cgroups", \.training.cgroups,
        .list(
            "absolute paths below the cgroup mount point", read: { isPath($0) ? $0 : nil },
            show: { $0 }),
        "Processes in these control groups, or in groups below, count as training."),
    SettingKey(
        "training.users", \.training.users,
        .list(
            "names of users in /etc/passwd, or their numbers", read: { isUser($0) ? $0 : nil },
            show: { $0 }),
        "Processes of these users count as training."),
    SettingKey(
        "nvml", \.nvml, .optionalPath, needsRestart: true,
        "NVIDIA's management library, where the loader does not find it."),
    SettingKey("log.level", \.logLevel, .choice, "The least that is logged."),
    SettingKey("log.format", \.logFormat, .choice, "How log lines are written."),
]

private func isUser(_ text: String) -> Bool {
    (1...32).contains(text.utf8.count) && hasNoControls(text) && !text.contains(" ")
}
