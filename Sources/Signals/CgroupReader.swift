package import Host

extension Cgroups {
    /// The groups of these processes and every group above them up to the root, in the order of
    /// their folders. `paths` are those of /proc/PID/cgroup: by v1 controller, the v2 path under "".
    package static func read(
        host: Host, layout: CgroupLayout, paths: [(pid: Int32, cgroups: [String: String])]
    ) -> Cgroups {
        var watched = WatchedGroups()
        for (position, pids) in pidsByPosition(paths) {
            guard let tree = layout.tree(of: position.controller) else { continue }
            watched.add(position.path, of: pids, in: tree, host)
        }
        let folders = watched.groups.keys.sorted()
        let groups = folders.compactMap { watched.groups[$0].map { $0.read(host) } }
        return Cgroups(groups: groups, gaps: Gaps(reasons: watched.reasons.sorted()))
    }

    private struct Position: Hashable {
        var controller: String
        var path: String
    }

    /// Thousands of processes share few groups.
    private static func pidsByPosition(
        _ paths: [(pid: Int32, cgroups: [String: String])]
    ) -> [Position: Set<Int32>] {
        var pids: [Position: Set<Int32>] = [:]
        for (pid, cgroups) in paths {
            for (controller, path) in cgroups {
                pids[Position(controller: controller, path: path), default: []].insert(pid)
            }
        }
        return pids
    }
}

/// One mounted hierarchy, as far as one controller is concerned.
private struct Tree {
    var mount: String
    var version: Int
    /// A v1 controller; empty for v2.
    var controller: String
}

extension CgroupLayout {
    /// `nil` for controllers that Stoker does not read and hierarchies that are not mounted.
    fileprivate func tree(of controller: String) -> Tree? {
        if controller.isEmpty {
            return unified.map { Tree(mount: $0, version: 2, controller: "") }
        }
        guard ["blkio", "cpu", "cpuset", "memory", "pids"].contains(controller) else { return nil }
        return version1[controller].map { Tree(mount: $0, version: 1, controller: controller) }
    }
}

/// Groups found so far, by folder, and what could not be found.
private struct WatchedGroups {
    var groups: [String: WatchedGroup] = [:]
    var reasons: Set<String> = []

    mutating func add(_ path: String, of pids: Set<Int32>, in tree: Tree, _ host: Host) {
        let steps = path.split(separator: "/")
        guard path.hasPrefix("/"), !steps.contains("..") else {
            reasons.insert("control group \(path) is outside of Stoker's cgroup namespace")
            return
        }
        for depth in 0...steps.count {
            let below = steps.prefix(depth).map { "/\($0)" }.joined()
            let folder = tree.mount + below
            guard host.exists(folder) else {
                reasons.insert("control group \(path) is not below \(tree.mount)")
                return
            }
            let fresh = WatchedGroup(
                folder: folder, path: below.isEmpty ? "/" : below, version: tree.version)
            groups[folder, default: fresh].controllers.insert(tree.controller)
            groups[folder, default: fresh].pids.formUnion(pids)
        }
    }
}

private struct WatchedGroup {
    var folder: String
    var path: String
    var version: Int
    /// The v1 controllers that are mounted together here.
    var controllers: Set<String> = []
    var pids: Set<Int32> = []

    init(folder: String, path: String, version: Int) {
        self.folder = folder
        self.path = path
        self.version = version
    }

    func read(_ host: Host) -> CgroupActivity {
        var group = CgroupActivity(
            folder: folder, path: path, version: version, pids: pids.sorted())
        let files = CgroupFiles(host: host, folder: folder)
        if version == 2 {
            files.fillVersion2(&group)
        } else {
            files.fillVersion1(&group, controllers)
        }
        return group
    }
}
