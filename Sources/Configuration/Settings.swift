/// How the daemon is to run. Without any file the defaults here hold.
package struct Settings: Equatable, Sendable {
    package var listen = [ListenAddress.standard]
    /// Path of a web configuration, see `WebConfiguration`.
    package var webConfiguration: String?

    /// ns between two looks.
    package var tick: UInt64 = 1_000_000_000
    /// ns that findings are judged over.
    package var window: UInt64 = 10_000_000_000
    /// Ticks in a row that a finding must be seen before it is raised. With a tick of 1 s a
    /// clear fault is told within 5 s.
    package var raiseAfter = 3
    /// Ticks in a row that it must be gone before it is cleared. Judgement: as long as the window.
    package var clearAfter = 10

    package var keepsHistory = true
    package var historyFolder = "/var/lib/stoker"
    /// bytes
    package var historySize: UInt64 = 512_000_000

    /// Share of the host's CPU time that the daemon and its probes may take.
    package var overheadBudget = 0.005

    package var training = TrainingMatch()
    package var labelsPIDs = false
    /// Path of NVIDIA's management library; `nil`: where the loader finds it.
    package var nvml: String?

    package var logLevel = LogLevel.info
    package var logFormat = LogFormat.text

    package init() {}
}

/// What makes a process count as training besides the GPU that it computes on. Any one will do.
package struct TrainingMatch: Equatable, Sendable {
    package var commands: [CommandPattern] = []
    /// Paths below the cgroup mount point; groups below them count too.
    package var cgroups: [String] = []
    /// Names or numbers.
    package var users: [String] = []

    package init() {}

    package var isEmpty: Bool { commands.isEmpty && cgroups.isEmpty && users.isEmpty }
}

package enum LogLevel: String, CaseIterable, Sendable { case error, warning, info, debug }

package enum LogFormat: String, CaseIterable, Sendable { case text, json }
