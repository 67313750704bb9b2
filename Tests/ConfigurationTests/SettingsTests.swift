import Host
import Machines
import Serving
import Testing
import Training

@testable import Configuration

@Suite struct SettingsTests {
    private let standard = StandardPlace.file

    private func read(
        _ text: String?, environment: [String: String] = [:], flags: [String: [String]] = [:]
    ) throws -> EffectiveSettings {
        let tree = Tree()
        if let text { try tree.write(standard, text) }
        return try EffectiveSettings.read(
            from: tree.host, environment: environment, flags: flags)
    }

    private func problems(
        _ text: String, environment: [String: String] = [:], flags: [String: [String]] = [:]
    ) throws -> [String] {
        let tree = Tree()
        try tree.write(standard, text)
        do throws(ConfigurationError) {
            _ = try EffectiveSettings.read(
                from: tree.host, environment: environment, flags: flags)
            return []
        } catch { return error.problems.map(\.text) }
    }

    private let full = """
        listen: ['0.0.0.0:9100', "[::1]:1"]
        web-config: /etc/stoker/web.yaml
        tick: 500ms
        window: 30s
        findings: {raise-after: 2, clear-after: 20}
        history: {enabled: false, folder: /data/stoker, size: 64MiB}
        overhead: {budget: 1%}
        training:
          commands: ['torchrun|python3? .*train', "it's"]
          cgroups: [/slurm]
          users: [alice, 1000]
        nvml: /opt/libnvidia-ml.so.1
        log: {level: debug, format: json}
        """

    @Test func noFileIsNeeded() throws {
        let found = try read(nil)
        #expect(found == EffectiveSettings())
        #expect(found.settings.listen.map(\.description) == ["127.0.0.1:19941"])
        #expect(found.settings.listen.allSatisfy { !$0.isBeyondLoopback })
    }

    @Test func everyKeyIsTakenAndKnowsItsLine() throws {
        let found = try read(full)
        for key in settingKeys {
            #expect(key.value(found.settings) != key.value(DaemonSettings()), "\(key.name)")
            guard case .file(standard, _) = found.origin(of: key) else {
                Issue.record("\(key.name) from \(found.origin(of: key))")
                continue
            }
        }
        #expect(found.origins["tick"] == .file(standard, line: 3))
        #expect(found.settings.tick == 500_000_000)
        #expect(found.settings.historySize == 67_108_864)
        #expect(found.settings.overheadBudget == 0.01)
        #expect(found.settings.training.users == ["alice", "1000"])
        #expect(found.settings.listen.map(\.port) == [9100, 1])
        #expect(found.settings.listen.map(\.isBeyondLoopback) == [true, false])
    }

    @Test func flagsBeatEnvironmentBeatsFileBeatsDefault() throws {
        let variables = ["STOKER_TICK": "2s", "STOKER_WINDOW": "20s", "HOME": "/"]
        let found = try read(
            "tick: 3s\nwindow: 40s\nlog: {level: error}", environment: variables,
            flags: ["tick": ["4s"]])
        #expect(found.settings.tick == 4_000_000_000)
        #expect(found.settings.window == 20_000_000_000)
        #expect(found.settings.logLevel == .error)
        #expect(found.origins["tick"] == .flag("--set tick"))
        #expect(found.origins["window"] == .environment("STOKER_WINDOW"))
        #expect(found.origins["log.level"] == .file(standard, line: 3))
        #expect(found.origins["log.format"] == nil)
    }

    @Test func listsOutsideFilesAreSeparatedByCommas() throws {
        let found = try read(
            nil, environment: ["STOKER_TRAINING_USERS": "alice, bob"],
            flags: ["listen": ["127.0.0.1:1,127.0.0.1:2", "[::1]:3"]])
        #expect(found.settings.training.users == ["alice", "bob"])
        #expect(found.settings.listen.map(\.port) == [1, 2, 3])
    }

    @Test func laterFilesWinByName() throws {
        let tree = Tree()
        try tree.write(standard, "tick: 2s\nwindow: 20s\ntraining: {users: [a, b]}")
        try tree.write(StandardPlace.folder + "/20-b.yaml", "tick: 5s\ntraining: {users: [c]}")
        try tree.write(StandardPlace.folder + "/10-a.yaml", "tick: 4s\n")
        try tree.write(StandardPlace.folder + "/30-c.yml", "tick: 6s\n")
        try tree.write(StandardPlace.folder + "/.hidden.yaml", "tick: 7s\n")
        let found = try EffectiveSettings.read(from: tree.host, environment: [:])
        #expect(found.settings.tick == 5_000_000_000)
        #expect(found.settings.window == 20_000_000_000)
        #expect(found.settings.training.users == ["c"])
        #expect(
            found.warnings.map(\.text) == [
                "/etc/stoker/conf.d/30-c.yml: is not read: its name does not end in .yaml"
            ])
        let alone = try EffectiveSettings.read(from: tree.host, file: standard, environment: [:])
        #expect(alone.settings.tick == 2_000_000_000)
    }

    @Test func everythingWrongIsToldAtOnce() throws {
        let text = """
            lisen: 127.0.0.1:1
            tick: 5
            history:
              size: 5MB
              enabled: yes
              fodler: /x
            findings: 3
            window:
            log: {level: loud}
            listen: []
            training: {commands: ['(']}
            """
        #expect(
            try problems(text, environment: ["STOKER_NVML": "lib.so"], flags: ["tock": ["1s"]]) == [
                "/etc/stoker/config.yaml:1:1: unknown key \"lisen\"; did you mean \"listen\"?",
                "/etc/stoker/config.yaml:2:7: tick is \"5\"; expected a time from 100ms to 1m,"
                    + " such as 500ms or 30s",
                "/etc/stoker/config.yaml:4:9: history.size is \"5MB\"; expected a size from 16MB"
                    + " to 1TB, such as 512MB or 64MiB",
                "/etc/stoker/config.yaml:5:12: history.enabled is \"yes\"; expected true or false",
                "/etc/stoker/config.yaml:6:3: unknown key \"history.fodler\"; did you mean"
                    + " \"history.folder\"?",
                "/etc/stoker/config.yaml:7:11: findings is \"3\"; expected a mapping of keys to"
                    + " values",
                "/etc/stoker/config.yaml:8:8: window is nothing; expected a time from 1s to 10m,"
                    + " such as 500ms or 30s",
                "/etc/stoker/config.yaml:9:14: log.level is \"loud\"; expected error, warning,"
                    + " info, debug",
                "/etc/stoker/config.yaml:10:9: listen is nothing; expected a list of addresses"
                    + " with a port, such as 127.0.0.1:19941 or [::1]:19941",
                "/etc/stoker/config.yaml:11:22: training.commands is \"(\"; expected a list of"
                    + " POSIX extended regular expressions without {} and \\1",
                "STOKER_NVML: nvml is \"lib.so\"; expected an absolute path, or null",
                "command line: unknown key \"tock\"; did you mean \"tick\"?",
            ])
    }

    @Test func aKeyThatIsGivenTwiceInTwoWaysIsToldToo() throws {
        #expect(
            try problems("history: {size: 1GB}\nhistory.size: 2GB") == [
                "/etc/stoker/config.yaml:2:1: \"history.size\" is given again; first on line 1"
            ])
    }

    @Test func aWindowHoldsATick() throws {
        #expect(
            try problems("tick: 20s") == ["window (10s) is shorter than tick (20s)"])
        #expect(try problems("tick: 10s").isEmpty)
    }

    @Test func missingFilesAreAProblemOnlyWhenTheyWereNamed() throws {
        #expect(throws: ConfigurationError.self) {
            try EffectiveSettings.read(from: Tree().host, file: "/nowhere.yaml", environment: [:])
        }
    }

    @Test func slipsInTheEnvironmentAreToldAndStrangersAreNot() throws {
        let found = try read(
            nil,
            environment: [
                "STOKER_TIC": "2s", "STOKER_SERVICE_HOST": "10.0.0.1",
                "STOKER_PORT_9941_TCP": "tcp://10.0.0.1:19941", "STOKER_TEST_PROBES": "1",
            ])
        #expect(
            found.warnings.map(\.text) == [
                "STOKER_TIC: is not a setting; did you mean STOKER_TICK?"
            ])
    }

    @Test func changesTellWhatWaitsForARestart() throws {
        let later = try read(full).settings
        let all = changes(from: DaemonSettings(), to: later)
        #expect(all.map(\.key) == settingKeys.map(\.name))
        #expect(
            all.filter(\.needsRestart).map(\.key) == ["listen", "history.folder", "nvml"])
        #expect(changes(from: later, to: later).isEmpty)
        var quicker = later
        quicker.tick = 250_000_000
        #expect(
            changes(from: later, to: quicker) == [
                SettingChange(
                    key: "tick", from: .text("500ms"), to: .text("250ms"), needsRestart: false)
            ])
    }

    @Test func whatIsShownIsReadBackTheSame() throws {
        let found = try read(full).settings
        for settings in [found, DaemonSettings()] {
            let text = settingKeys.map { "\($0.name): \($0.value(settings).yaml)\n" }.joined()
            #expect(try read(text).settings == settings)
        }
    }
}
