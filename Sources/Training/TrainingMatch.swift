package import Host

/// Who trains besides those that compute on a GPU, as the operator tells it. Any one will do.
package struct TrainingMatch: Sendable, Equatable {
    /// Searched for in whole command lines.
    package var commands: [CommandPattern]
    /// Paths below the cgroup mount point; groups below them count too.
    package var cgroups: [String]
    /// Names, as /etc/passwd has them, or numbers.
    package var users: [String]

    package init(commands: [CommandPattern] = [], cgroups: [String] = [], users: [String] = []) {
        self.commands = commands
        self.cgroups = cgroups
        self.users = users
    }

    package var isEmpty: Bool { commands.isEmpty && cgroups.isEmpty && users.isEmpty }

    /// Processes that match now, without `known`. Kernel threads never do.
    package func processes(on host: Host, without known: Set<Int32>) -> Set<Int32> {
        guard !isEmpty else { return [] }
        let candidates = host.pids.filter { !known.contains($0) }
            .map { (pid: $0, files: host.process($0)) }
            .filter { !($0.files.command ?? "").isEmpty }
        var found = Set<Int32>()
        let lines = commands.isEmpty ? [] : candidates.map { $0.files.command ?? "" }
        for pattern in commands {
            for index in pattern.positions(in: lines) { found.insert(candidates[index].pid) }
        }
        let ids = users.isEmpty ? [] : userIDs(on: host)
        for candidate in candidates where !found.contains(candidate.pid) {
            if isOurs(candidate.files, ids) { found.insert(candidate.pid) }
        }
        return found
    }

    private func isOurs(_ files: ProcessFiles, _ ids: Set<UInt32>) -> Bool {
        if !ids.isEmpty, let user = files.status?.user, ids.contains(user) { return true }
        guard !cgroups.isEmpty, let paths = files.cgroups else { return false }
        return cgroups.contains { group in
            paths.values.contains { isPath($0, below: group) }
        }
    }

    /// Users that nobody knows train nothing.
    private func userIDs(on host: Host) -> Set<UInt32> {
        var numbers: [String: UInt32] = [:]
        for line in ((try? host.text("/etc/passwd")) ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, let id = UInt32(fields[2]) { numbers[String(fields[0])] = id }
        }
        return Set(users.compactMap { numbers[$0] ?? UInt32($0) })
    }
}

/// Whole names count: `/a/b` is below `/a`, `/ab` is not.
private func isPath(_ path: String, below group: String) -> Bool {
    let group = group.hasSuffix("/") ? String(group.dropLast()) : group
    return path == group || path.hasPrefix(group + "/")
}
