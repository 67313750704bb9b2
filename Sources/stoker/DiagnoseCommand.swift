import ArgumentParser
import Glibc
import Host
import Outputs
import Recording
import Rules
import Signals
import Training

enum ReportFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

struct DiagnoseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diagnose", abstract: "Looks once and reports.",
        discussion: """
            \(TargetOptions.discussion)

            --from explains a recording, or the daemon's folder of history, as if one had looked \
            then. It takes the whole of a recording of up to ten minutes; of a longer one choose a \
            part with --since and --until: '2026-11-23T02:10:00Z' in UTC, '2026-11-23 02:10' or \
            '02:10' (the last such) in local time, '-2h' or '30m' ago. With one of them the part \
            reaches to the end, or from the beginning.

            Exit status: 0 nothing of warning or worse, 1 such findings, 2 could not measure, \
            64 usage.
            """)

    @Option(help: "How long to look: 500ms, 30s, 10m, 2h.")
    var duration = Span(seconds: 10)

    @Option(help: "How the report is written: text or json.")
    var format = ReportFormat.text

    @Option(name: .shortAndLong, help: "Write the report to this file.")
    var output: String?

    @Option(help: ArgumentHelp("Explain a recording instead of this host.", valueName: "recording"))
    var from: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Of the recording, what happened from then on.", valueName: "time"))
    var since: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Of the recording, what happened until then.", valueName: "time"))
    var until: String?

    @OptionGroup var targets: TargetOptions

    func validate() throws {
        guard from == nil || targets.ways == 0 else {
            throw ValidationError("Give only one of --pid, --cgroup, --from and a command.")
        }
        guard from != nil || (since == nil && until == nil) else {
            throw ValidationError("--since and --until choose a part of a recording: give --from.")
        }
        let range = try range()
        if let since = range.since, let until = range.until, since >= until {
            throw ValidationError("--since is not before --until.")
        }
    }

    func run() throws {
        let hasFindings: Bool
        do throws(Failure) { hasFindings = try report() } catch {
            Terminal.complain(error.message)
            throw Exit.failure
        }
        if hasFindings { throw Exit.findings }
    }

    /// Looks and reports; true when something of `warning` or worse was found.
    private func report() throws(Failure) -> Bool {
        let destination = try Destination(output)
        let observation: Observation
        if let from {
            observation = try replay(from)
        } else {
            observation = try targets.watching(duration.nanoseconds).observe()
        }
        let diagnosis = Rules.diagnose(catalogue, observation)
        try destination.write(render(observation, diagnosis))
        guard diagnosis.verdict != .unknown else {
            throw Failure("could not measure: no watched thread was seen")
        }
        return diagnosis.findings.contains { $0.severity >= .warning }
    }

    private func range() throws -> TimeRange {
        let now = wallClock()
        func seconds(_ name: String, _ text: String?) throws -> Double? {
            try text.map { text in
                guard let seconds = Moment.seconds(parsing: text, now: now) else {
                    throw ValidationError(
                        "The value '\(text)' is invalid for '\(name) <time>': see --help.")
                }
                return seconds
            }
        }
        return TimeRange(
            since: try seconds("--since", since), until: try seconds("--until", until))
    }

    private func replay(_ path: String) throws(Failure) -> Observation {
        do throws(RecordingError) {
            let range = (try? range()) ?? TimeRange()
            return try History(path).observation(range)
        } catch {
            throw Failure(reading: error)
        }
    }

    private func render(_ observation: Observation, _ diagnosis: Diagnosis) -> String {
        switch format {
        case .json: jsonReport(observation, diagnosis, version: version)
        case .text:
            textReport(
                observation, diagnosis, rules: catalogue, version: version,
                style: Terminal.style(toFile: output != nil))
        }
    }
}
