package import Host

/// Who trains, where it is told by name: any of these is enough.
package struct TrainingMatch: Sendable, Equatable {
    /// Patterns as the shell has them (`*train.py*`) for whole command lines.
    package var commands: [String]
    /// Patterns for paths of control groups, below the mount point.
    package var cgroups: [String]
    /// User ids.
    package var users: Set<UInt32>

    package init(commands: [String] = [], cgroups: [String] = [], users: Set<UInt32> = []) {
        self.commands = commands
        self.cgroups = cgroups
        self.users = users
    }

    package var isEmpty: Bool { commands.isEmpty && cgroups.isEmpty && users.isEmpty }

    /// Processes that match now, without `known`. Kernel threads never do.
    package func processes(on host: Host, without known: Set<Int32>) -> Set<Int32> {
        guard !isEmpty else { return [] }
        return Set(host.pids.filter { !known.contains($0) && matches(host.process($0)) })
    }

    private func matches(_ files: ProcessFiles) -> Bool {
        guard let command = files.command, !command.isEmpty else { return false }
        if commands.contains(where: { shellPattern($0, matches: command) }) { return true }
        if !users.isEmpty, let user = files.status?.user, users.contains(user) { return true }
        guard !cgroups.isEmpty, let paths = files.cgroups else { return false }
        return cgroups.contains { pattern in paths.values.contains { shellPattern(pattern, matches: $0) } }
    }
}
