import ArgumentParser

/// The version that reports and `--version` show.
let version = "0.1.0"

@main
struct Stoker: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stoker",
        abstract: "Finds out what the host does to a training job, who does it and what to change.",
        version: version,
        subcommands: [
            DiagnoseCommand.self, RecordCommand.self, DaemonCommand.self, CheckCommand.self,
            TopologyCommand.self, ExplainCommand.self, ConfigCommand.self, MetricsCommand.self,
            GPUWorkerCommand.self,
        ])
}

/// Exit status of every command: 0 looked, nothing of `warning` or worse; these; 64 usage.
enum Exit {
    static let findings = ExitCode(1)
    static let failure = ExitCode(2)
    /// EX_TEMPFAIL of sysexits.h; systemd/stoker.service knows it.
    static let startAnew = ExitCode(75)
}

/// Something the user has to be told in one line, and the end of the command.
struct Failure: Error {
    var message: String

    init(_ message: String) { self.message = message }
}
