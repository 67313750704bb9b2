import ArgumentParser
import Outputs

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Lists what the daemon exports to Prometheus.")

    @Flag(help: ArgumentHelp("Print docs/metrics.md.", visibility: .hidden))
    var markdown = false

    @Option(help: "How it is written: text or json.")
    var format = ReportFormat.text

    func run() {
        if markdown { return print(metricsReference(), terminator: "") }
        switch format {
        case .text: print(metricsTable(), terminator: "")
        case .json: print(metricsJSON(), terminator: "")
        }
    }
}
