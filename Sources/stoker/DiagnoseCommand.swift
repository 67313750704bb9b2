import ArgumentParser
import Glibc
import Host
import Outputs
import Rules
import Signals
import Training

enum ReportFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

struct DiagnoseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diagnose", abstract: "Looks once and reports.",
        discussion: """
            Names the job by --pid, by --cgroup or by the command to start after --. With none of \
            them the processes that compute on a GPU are watched, with their descendants, and \
            the whole machine where there are none.

            Exit status: 0 nothing of warning or worse, 1 such findings, 2 could not measure, \
            64 usage.
            """)

    @Option(help: "How long to look: 500ms, 30s, 10m, 2h.")
    var duration = Span(seconds: 10)

    @Option(name: .long, help: "A process to watch, with its descendants. May be repeated.")
    var pid: [Int32] = []

    @Option(help: "A control group to watch: a folder, or its path below the mount point.")
    var cgroup: String?

    @Option(help: "How the report is written: text or json.")
    var format = ReportFormat.text

    @Option(name: .shortAndLong, help: "Write the report to this file.")
    var output: String?

    @Option(help: ArgumentHelp("Explain a recording instead of this host.", valueName: "recording"))
    var from: String?

    @OptionGroup var gpus: GPUOptions

    @Argument(parsing: .postTerminator, help: "A command to start and watch, after --.")
    var command: [String] = []

    func validate() throws {
        let ways = [!pid.isEmpty, cgroup != nil, !command.isEmpty, from != nil].filter { $0 }
        guard ways.count <= 1 else {
            throw ValidationError("Give only one of --pid, --cgroup, --from and a command.")
        }
        guard pid.allSatisfy({ $0 > 0 }) else { throw ValidationError("A pid is above 0.") }
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
        if let from { try replay(from) }
        let destination = try Destination(output)
        let observation = try observe()
        let diagnosis = Rules.diagnose(catalogue, observation)
        try destination.write(render(observation, diagnosis))
        guard diagnosis.verdict != .unknown else {
            throw Failure("could not measure: no watched thread was seen")
        }
        return diagnosis.findings.contains { $0.severity >= .warning }
    }

    private func observe() throws(Failure) -> Observation {
        let host = Host()
        var facts = HostFacts.read(from: host)
        let targets = Targets(host: host, layout: facts.cgroups)
        try targets.check(pid)
        let folder = try cgroup.map { name throws(Failure) in try targets.folder(ofGroup: name) }
        let named = withDescendants(Set(pid), parents: pid.isEmpty ? [:] : host.parents)
        var watch = Watch(pids: named.sorted(), children: !command.isEmpty)
        if let folder {
            watch.pids = targets.pids(inGroup: folder).sorted()
            guard !watch.pids.isEmpty else {
                throw Failure("there is no process in the control group \(folder)")
            }
        }
        let worker = gpus.worker(on: host, &facts)
        let table = GPUTable(facts.devices, listed: worker.map(gpus.processes) ?? [:])
        var search: TrainingSearch?
        if watch.pids.isEmpty && command.isEmpty {
            let found = targets.training(table)
            watch.pids = withDescendants(
                found.ranks, parents: found.ranks.isEmpty ? [:] : host.parents
            ).sorted()
            search = found
        }
        watch.everything = watch.pids.isEmpty && command.isEmpty
        let interruptions = Interruptions()
        let source = Source(host: host, facts: facts, watch: watch, gpus: worker)
        var watching = Watching(
            source: source, scope: watch.everything ? .host : .processes, gpus: table,
            nanoseconds: duration.nanoseconds)
        watching.search = search
        if let folder { watching.groupMembers = { targets.pids(inGroup: folder) } }
        let command = command
        if !command.isEmpty {
            watching.start = { () throws(Failure) in try Child(command) }
        }
        return try watching.observe(interruptions)
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

    /// Recordings come with the daemon; until then a file can only be told to be none.
    private func replay(_ path: String) throws(Failure) -> Never {
        let magic = Array("SQLite format 3\0".utf8)
        let start: [UInt8]
        do throws(FileError) { start = try Host().bytes(path, limit: magic.count) } catch {
            throw Failure("cannot read \(path): \(error.reason)")
        }
        guard start.starts(with: magic) else { throw Failure("\(path) is not a recording") }
        throw Failure("\(path): this version cannot read recordings yet")
    }
}
