import Accelerators
import ArgumentParser
import Host
import Signals
import Training

/// Whom to watch.
struct TargetOptions: ParsableArguments {
    @Option(name: .long, help: "A process to watch, with its descendants. May be repeated.")
    var pid: [Int32] = []

    @Option(help: "A control group to watch: a folder, or its path below the mount point.")
    var cgroup: String?

    @OptionGroup var gpus: GPUOptions

    @Argument(parsing: .postTerminator, help: "A command to start and watch, after --.")
    var command: [String] = []

    /// What the help of a command that takes them says.
    static let discussion = """
        Names the job by --pid, by --cgroup or by the command to start after --. With none of \
        them the processes that compute on a GPU are watched, with their descendants, and \
        the whole machine where there are none.
        """

    /// The ways in which the job was named.
    var ways: Int { [!pid.isEmpty, cgroup != nil, !command.isEmpty].count { $0 } }

    func validate() throws {
        guard ways <= 1 else {
            throw ValidationError("Give only one of --pid, --cgroup and a command.")
        }
        guard pid.allSatisfy({ $0 > 0 }) else { throw ValidationError("A pid is above 0.") }
    }

    /// Finds them, and makes ready to watch them for so long.
    func watching(_ nanoseconds: UInt64?) throws(Failure) -> Watching {
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
        // Probes are loaded when signals are data already: they must not end it half way.
        let interruptions = Interruptions()
        var watching = Watching(
            interruptions: interruptions,
            source: Source(host: host, facts: facts, watch: watch, gpus: worker),
            scope: watch.everything ? .host : .processes, gpus: table, nanoseconds: nanoseconds)
        watching.search = search
        if let folder { watching.groupMembers = { targets.pids(inGroup: folder) } }
        let command = command
        if !command.isEmpty {
            watching.start = { () throws(Failure) in try Child(command) }
        }
        return watching
    }
}
