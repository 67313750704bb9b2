import Host
import Signals

/// How commands name control groups, whose paths anybody with a delegated group may choose.
enum CgroupPaths {
    /// The systemd unit that owns the group, where the system's systemd does: slices all the
    /// way down. A folder of that name in a user's own tree is somebody else's.
    static func unit(_ path: String) -> String? {
        let parts = path.split(separator: "/")
        guard let last = parts.last, !last.hasPrefix("-"),
            parts.dropLast().allSatisfy({ $0.hasSuffix(".slice") })
        else { return nil }
        return [".service", ".scope", ".slice"].contains { last.hasSuffix($0) }
            ? String(last) : nil
    }

    /// Who made the group and would set its limits again.
    static func owner(_ path: String) -> String? {
        if path.contains("kubepods") { return "kubelet" }
        if path.contains("slurm") { return "slurmd" }
        if path.contains("docker") { return "docker" }
        return unit(path) == nil ? nil : "systemd"
    }
}

/// One limit of one control group: its file, and what systemd calls it.
struct CgroupKnob: Sendable {
    var folder: String
    var path: String
    var file: String
    var property: String
    /// The unit's way to say "no limit" is `infinity`, the file's is `max` (v2) or `-1` (v1).
    var unlimited = "max"

    init(_ group: CgroupActivity, file: String, property: String) {
        folder = group.folder
        path = group.path
        self.file = file
        self.property = property
        if group.version == 1 && property.hasPrefix("Memory") { unlimited = "-1" }
    }

    /// Sets the limit to `new`; `nil` is no limit.
    func fix(
        to new: UInt64?, from old: UInt64?, on facts: HostFacts, specification: String, risk: String
    ) -> Fix {
        let owner = CgroupPaths.owner(path)
        if facts.managers.hasSystemd, owner == "systemd", let unit = CgroupPaths.unit(path) {
            let set = "systemctl set-property"
            let word = shellWord(unit)
            return Fix(
                commands: ["\(set) --runtime \(word) \(property)=\(text(new, "infinity"))"],
                persist: ["\(set) \(word) \(property)=\(text(new, "infinity"))"],
                rollback: ["\(set) \(word) \(property)=\(text(old, "infinity"))"],
                risk: risk, managedBy: owner)
        }
        let word = shellWord(folder + "/" + file)
        return Fix(
            commands: ["echo \(text(new, unlimited)) > \(word)"],
            persist: ["# where the group is made: \(specification)"],
            rollback: ["echo \(text(old, unlimited)) > \(word)"],
            risk: risk, managedBy: owner)
    }

    private func text(_ value: UInt64?, _ none: String) -> String {
        value.map { "\($0)" } ?? none
    }
}
