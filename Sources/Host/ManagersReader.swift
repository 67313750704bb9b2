extension Managers {
    /// Processes that change settings or place tasks by themselves, by the name the kernel shows.
    private static let known: Set = [
        "irqbalance", "ksmtuned", "kubelet", "numad", "nv-fabricmanage", "power-profiles-",
        "slurmd", "slurmstepd", "thermald", "tuned",
    ]

    package static func read(from host: Host) -> Managers {
        var managers = Managers()
        var found: Set<String> = []
        for pid in host.numbers(in: "/proc") {
            guard let name = host.line("/proc/\(pid)/comm"), known.contains(name) else { continue }
            found.insert(name)
        }
        managers.running = found.sorted()
        managers.tunedProfile = host.line("/etc/tuned/active_profile")
        managers.hasSystemd =
            host.exists("/run/systemd/system") || host.line("/proc/1/comm") == "systemd"
        return managers
    }
}
