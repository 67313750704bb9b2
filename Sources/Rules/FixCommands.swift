/// Commands for the two kinds of knob that most fixes turn. Values come from this program or
/// from the kernel's own files, never from names that a process chose.
extension Fix {
    /// Sets a sysctl now and at boot; `old` is its present value.
    package static func sysctl(
        _ name: String, to value: String, from old: String?, risk: String, managedBy: String? = nil
    ) -> Fix {
        Fix(
            commands: ["sysctl -w \(name)=\(value)"],
            persist: ["echo '\(name) = \(value)' > /etc/sysctl.d/90-stoker-\(name).conf"],
            rollback: (old.map { ["sysctl -w \(name)=\($0)"] } ?? [])
                + ["rm -f /etc/sysctl.d/90-stoker-\(name).conf"],
            risk: risk, managedBy: managedBy)
    }

    /// Writes a file in /sys or /proc now and, through tmpfiles.d, at boot.
    package static func file(
        _ path: String, to value: String, from old: String?, called name: String, risk: String,
        managedBy: String? = nil
    ) -> Fix {
        let drop = "/etc/tmpfiles.d/stoker-\(name).conf"
        return Fix(
            commands: ["echo \(value) > \(path)"],
            persist: ["echo 'w \(path) - - - - \(value)' > \(drop)"],
            rollback: (old.map { ["echo \($0) > \(path)"] } ?? []) + ["rm -f \(drop)"],
            risk: risk, managedBy: managedBy)
    }

    /// Stands where there is nothing to type until the next boot.
    static let atBoot = "# nothing to type now: this takes effect at the next boot"
}

extension [String] {
    /// These commands, or a line of comment where there are none.
    func or(_ comment: String) -> [String] { isEmpty ? [comment] : self }
}
