import ArgumentParser
import Configuration
import Glibc
import Host

/// Where settings come from.
struct SettingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read this file and no other.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Where HTTP answers, such as 127.0.0.1:19941. May be repeated.", valueName: "address"))
    var listen: [String] = []

    @Option(
        help: ArgumentHelp(
            "Any setting, such as history.size=1GB. May be repeated.", valueName: "key=value"))
    var set: [String] = []

    func validate() throws {
        for pair in set where !pair.contains("=") {
            throw ValidationError("--set takes KEY=VALUE, not \(pair)")
        }
    }

    func read(from host: Host) throws(ConfigurationError) -> EffectiveSettings {
        try EffectiveSettings.read(
            from: host, file: config, environment: Self.environment, flags: flags)
    }

    private var flags: [String: [String]] {
        var flags: [String: [String]] = [:]
        for pair in set {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            flags[String(parts[0]), default: []].append(String(parts[1]))
        }
        if !listen.isEmpty { flags["listen", default: []] += listen }
        return flags
    }

    /// Of this process.
    static var environment: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return variables
    }
}
