import Configuration
import Daemon
import Host
import Recording
import Signals
import Training

/// What the daemon remembers on disk, or why it does not.
struct DaemonHistory: ~Copyable {
    /// For metrics, the page and the log.
    struct Status: Sendable, Equatable {
        /// Why nothing is written now; `nil` while it is, and where none is wanted.
        var trouble: String?
        var isWanted = true
        var bytes: UInt64 = 0
        var segments = 0
        /// Ticks that are not on record.
        var missed: UInt64 = 0
    }

    private var recorder: Recorder?
    /// By recorders before this one.
    private var missedBefore: UInt64 = 0
    private(set) var status = Status()

    /// `memoryNanoseconds`: how far back the engine's totals remember what has ended. Throws where
    /// another process keeps its history; without a place for it the daemon goes on.
    init(
        _ settings: DaemonSettings, on host: Host, hostname: String, memoryNanoseconds: UInt64?
    ) throws(Failure) {
        guard settings.keepsHistory else {
            status.isWanted = false
            return
        }
        do throws(RecordingError) {
            let lock = try HistoryLock(folder: settings.historyFolder)
            var limits = RecorderLimits()
            limits.bytes = settings.historySize
            recorder = Recorder(
                lock, limits: limits,
                run: RecordedRun(
                    on: host, hostname: hostname, version: version,
                    memoryNanoseconds: memoryNanoseconds))
        } catch {
            if case .locked(_, let pid) = error {
                let who = pid.map { "process \($0)" } ?? "another process"
                throw Failure("\(who) already keeps its history in \(settings.historyFolder)")
            }
            status.trouble = "\(settings.historyFolder): \(error.reason)"
        }
    }

    mutating func append(_ tick: Tick) {
        guard recorder != nil else {
            if status.isWanted { status.missed += 1 }
            return
        }
        let state = recorder?.append(
            Entry(
                wallClock: tick.at, sample: tick.sample, job: tick.observation.job,
                facts: tick.observation.facts))
        status.bytes = recorder?.bytes ?? 0
        status.segments = recorder?.segments ?? 0
        status.missed = missedBefore &+ (recorder?.missed ?? 0)
        status.trouble = if case .paused(let reason) = state { reason } else { nil }
    }

    /// Ends this one, and begins anew with other settings; what cannot be had is `status.trouble`.
    mutating func restart(
        _ settings: DaemonSettings, on host: Host, hostname: String, memoryNanoseconds: UInt64?
    ) {
        end()
        let missed = status.missed
        do throws(Failure) {
            self = try DaemonHistory(
                settings, on: host, hostname: hostname, memoryNanoseconds: memoryNanoseconds)
        } catch {
            status = Status(trouble: error.message)
        }
        missedBefore = missed
        status.missed = missed
    }

    mutating func end() { recorder.take()?.finish() }
}
