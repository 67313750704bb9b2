package import Serving
package import Training

/// How the daemon is to run. Without any file the defaults here hold.
package struct DaemonSettings: Equatable, Sendable {
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
    /// Path of NVIDIA's management library; `nil`: where the loader finds it.
    package var nvml: String?

    package var logLevel = LogLevel.info
    package var logFormat = LogFormat.text

    package init() {}
}

package enum LogLevel: String, CaseIterable, Sendable { case error, warning, info, debug }

package enum LogFormat: String, CaseIterable, Sendable { case text, json }
