import ArgumentParser
import Configuration
import Host
import Outputs
import Service

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks and shows how the daemon is configured.",
        subcommands: [
            ConfigCheckCommand.self, ConfigShowCommand.self, ConfigExampleCommand.self,
            ConfigReferenceCommand.self, ConfigPrivilegesCommand.self,
        ])
}

struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Tells everything that is wrong with a configuration.",
        discussion: """
            One line for each problem. With no file the standard ones are read: \
            \(StandardPlace.file) and \(StandardPlace.folder)/*.yaml.

            Exit status: 0 nothing wrong, 2 something is, 64 usage.
            """)

    @Argument(help: "The file to check.")
    var file: String?

    func run() throws {
        let found = try complaining { () throws(ConfigurationError) in
            try EffectiveSettings.read(
                from: Host(), file: file, environment: SettingOptions.environment)
        }
        var warnings = found.warnings
        if let path = found.settings.webConfiguration {
            warnings += try complaining { () throws(ConfigurationError) in
                try WebConfiguration.read(path, on: Host()).warnings
            }
        }
        for warning in warnings { Terminal.complain("warning: " + warning.text) }
        let count = counted(found.origins.count, "setting")
        print(
            "Nothing is wrong. \(count) given, \(settingKeys.count - found.origins.count) at the default."
        )
    }
}

struct ConfigShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows each setting that holds, and where it came from.")

    @OptionGroup var options: SettingOptions

    @Option(help: "How it is written: text or json.")
    var format = ReportFormat.text

    func run() throws {
        let found = try complaining { () throws(ConfigurationError) in
            try options.read(from: Host())
        }
        for warning in found.warnings { Terminal.complain("warning: " + warning.text) }
        switch format {
        case .text: print(table(found), terminator: "")
        case .json: print(json(found).pretty, terminator: "")
        }
    }

    private func table(_ found: EffectiveSettings) -> String {
        let rows = settingKeys.map { key in
            (key.name, terminalSafe(key.value(found.settings).yaml), found.origin(of: key).text)
        }
        let names = rows.map { $0.0.count }.max() ?? 0
        let values = min(rows.map { width(of: $0.1) }.max() ?? 0, 40)
        return rows.map { name, value, origin in
            padded(name, names, isRight: false) + "  " + padded(value, values, isRight: false)
                + "  " + terminalSafe(origin) + "\n"
        }.joined()
    }

    private func json(_ found: EffectiveSettings) -> JSON {
        .array(
            settingKeys.map { key in
                .object([
                    ("key", .string(key.name)), ("value", JSON(key.value(found.settings))),
                    ("origin", .string(found.origin(of: key).text)),
                ])
            })
    }
}

struct ConfigExampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "example", abstract: "Prints a file with every setting at its default.")

    func run() { print(exampleConfiguration(), terminator: "") }
}

struct ConfigReferenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Prints docs/configuration.md.", shouldDisplay: false)

    func run() { print(configurationReference(), terminator: "") }
}

struct ConfigPrivilegesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "privileges", abstract: "Prints docs/privileges.md.", shouldDisplay: false)

    func run() { print(privilegesReference(), terminator: "") }
}

/// What `read` reads; one line for each problem and the end of the command when it cannot.
private func complaining<Value>(_ read: () throws(ConfigurationError) -> Value) throws -> Value {
    do throws(ConfigurationError) { return try read() } catch {
        for problem in error.problems { Terminal.complain(problem.text) }
        throw Exit.failure
    }
}

extension JSON {
    fileprivate init(_ value: SettingValue) {
        switch value {
        case .none: self = .null
        case .flag(let flag): self = .bool(flag)
        case .number(let number): self.init(number)
        case .text(let text): self = .string(text)
        case .list(let items): self.init(items)
        }
    }
}
