import CSQLite
import Glibc
import Host
import Signals

/// How much history is kept.
package struct RecorderLimits: Sendable, Equatable {
    /// Of all segments together. Judgement: weeks of a host with few threads, and days of others.
    package var bytes: UInt64 = 512 << 20
    /// A segment is closed at this size, or this age, ns: history goes by whole segments.
    package var segmentBytes: UInt64 = 32 << 20
    package var segmentNanoseconds: UInt64 = 6 * 3_600_000_000_000

    package init() {}
}

package enum RecorderState: Sendable, Equatable {
    case recording
    /// It goes on by itself when the reason is gone.
    case paused(reason: String)
}

/// Puts ticks on record: in a folder of segments, or in one file.
package struct Recorder: ~Copyable {
    /// Between two attempts while it is paused, and between two looks at sizes, ns. Judgement.
    private static let patience: UInt64 = 5_000_000_000
    private static let lookNanoseconds: UInt64 = 60_000_000_000

    private let folder: SegmentFolder?
    private let limits: RecorderLimits
    private let run: RecordedRun
    private var segment: SegmentWriter?
    private var retryAt: UInt64 = 0
    private var lookedAt: UInt64?
    package private(set) var state = RecorderState.recording
    /// Bytes of all segments, as of the last look.
    package private(set) var bytes: UInt64 = 0

    /// Records into a folder, which is made where there is none. What keeps it from being used at
    /// all is thrown; what may pass, such as a full disk, is a pause.
    package init(
        folder path: String, limits: RecorderLimits = RecorderLimits(), run: RecordedRun
    ) throws(RecordingError) {
        let folder = try SegmentFolder(creating: path)
        self.folder = folder
        self.limits = limits
        self.run = run
        for path in folder.segments where access(path + "-wal", F_OK) == 0 { tidy(path) }
    }

    /// Records into one file, which must not exist.
    package init(file path: String, run: RecordedRun) throws(RecordingError) {
        segment = try SegmentWriter(path, run, at: monotonicNanoseconds())
        folder = nil
        limits = RecorderLimits()
        self.run = run
    }

    /// Takes one tick. Never throws, never waits: history is not worth a late metric.
    @discardableResult
    package mutating func append(_ entry: Entry) -> RecorderState {
        let now = entry.sample.monotonic
        if case .paused = state, now < retryAt { return state }
        do throws(RecordingError) {
            try look(now, entry.wallClock)
            try write(entry)
            state = .recording
        } catch {
            state = .paused(reason: error.reason)
            retryAt = now + Self.patience
        }
        return state
    }

    /// Closes what is open, for good.
    package consuming func finish() {
        segment.take()?.finish()
    }

    /// Sees to it that there is a segment with room, and not too many.
    private mutating func look(_ now: UInt64, _ wallClock: Double) throws(RecordingError) {
        guard let folder else { return }
        let isDue = lookedAt.map { now &- $0 >= Self.lookNanoseconds } ?? true
        if isDue || segment == nil {
            lookedAt = now
            folder.trim(toBytes: limits.bytes, keeping: segment?.path)
            bytes = folder.bytes
            if !isFresh(now) { segment.take()?.finish() }
        }
        guard segment == nil else { return }
        let path = folder.nextPath(bootID: run.bootID, now: wallClock)
        segment = try SegmentWriter(path, run, at: now)
    }

    private func isFresh(_ now: UInt64) -> Bool {
        switch segment {
        case .some(let segment):
            now &- segment.beganAt < limits.segmentNanoseconds
                && SegmentFolder.bytesInAll(of: segment.path) < limits.segmentBytes
                && access(segment.path, F_OK) == 0
        case .none: true
        }
    }

    private mutating func write(_ entry: Entry) throws(RecordingError) {
        guard let path = segment?.path else { return }
        do throws(SegmentError) { try segment?.append(entry) } catch {
            switch error {
            case .unwritable(let reason): throw .damaged(path: path, reason: reason)
            case .database(let error):
                // Whatever passes is waited for; what is broken is left as it is.
                let passing = [SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_READONLY]
                if folder != nil, !passing.contains(error.kind) { segment = nil }
                throw .database(path: path, reason: error.message)
            }
        }
    }
}

/// Moves the log that a killed recorder left behind into its file.
private func tidy(_ path: String) {
    do throws(SQLiteError) {
        let database = try Database(path, .write)
        try database.run("PRAGMA journal_mode = DELETE")
    } catch {
        // It can be read as it is.
    }
}
