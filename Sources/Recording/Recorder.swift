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
    /// A recorder that is begun again and again leaves many small segments. Judgement.
    package var segments = 1_000
    /// History that has to fit into `bytes`, s: where threads are so many that it would not, ticks
    /// are left out. A day: what happens at night is looked at in the morning.
    package var seconds: UInt64 = 86_400

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
    /// The longest distance of ticks, s; what ends is remembered for longer. Judgement.
    private static let longestDistance: UInt64 = 10
    /// Segments that a full history has at least, or too much would go at once. Judgement.
    private static let leastSegments: UInt64 = 8

    /// `nil` for one that records into a file, as is the lock that it needs.
    private let folder: SegmentFolder?
    private let lock: HistoryLock?
    private let limits: RecorderLimits
    private let run: RecordedRun
    private var segment: SegmentWriter?
    private var retryAt: UInt64 = 0
    private var lookedAt: UInt64?
    private var writtenAt: UInt64?
    /// Of ticks that are recorded, s: totals need not be written each second.
    package private(set) var distance: UInt64 = 1
    package private(set) var state = RecorderState.recording
    /// Bytes of all segments, as of the last look.
    package private(set) var bytes: UInt64 = 0
    /// Segments in the folder, as of the last look.
    package private(set) var segments = 0
    /// Ticks that are not on record because of pauses.
    package private(set) var missed: UInt64 = 0

    /// Records into a folder. Nothing is refused here: what may pass, such as a full disk, is a
    /// pause, and told by `state` from the first tick on.
    package init(
        _ lock: consuming HistoryLock, limits: RecorderLimits = RecorderLimits(), run: RecordedRun
    ) {
        let folder = lock.folder
        for path in folder.segments where access(path + "-wal", F_OK) == 0 { tidy(path) }
        self.folder = folder
        self.lock = consume lock
        self.limits = limits
        self.run = run
    }

    /// Records into one file, which must not exist.
    package init(file path: String, run: RecordedRun) throws(RecordingError) {
        segment = try SegmentWriter(path, run, at: monotonicNanoseconds())
        folder = nil
        lock = nil
        limits = RecorderLimits()
        self.run = run
    }

    /// Takes one tick, or leaves it out where the next one will do. Never throws, never waits: history
    /// is not worth a late metric.
    @discardableResult
    package mutating func append(_ entry: Entry) -> RecorderState {
        let now = entry.sample.monotonic
        if case .paused = state, now < retryAt {
            missed += 1
            return state
        }
        // Ticks are never quite a second apart.
        let early = distance * 1_000_000_000 &- 500_000_000
        if distance > 1, let writtenAt, now &- writtenAt < early { return state }
        do throws(RecordingError) {
            try look(now, entry.wallClock)
            try write(entry)
            writtenAt = now
            state = .recording
        } catch {
            state = .paused(reason: error.reason)
            missed += 1
            retryAt = now + Self.patience
        }
        return state
    }

    /// Closes what is open, for good.
    package consuming func finish() {
        if folder != nil { close() } else { segment.take()?.finish() }
    }

    /// Sees to it that there is a segment with room, and not too many.
    private mutating func look(_ now: UInt64, _ wallClock: Double) throws(RecordingError) {
        guard let folder else { return }
        let isDue = lookedAt.map { now &- $0 >= Self.lookNanoseconds } ?? true
        if isDue || segment == nil {
            lookedAt = now
            if let bytes = segment?.bytesPerRow { distance = distance(bytesPerRow: bytes) }
            (bytes, segments) = folder.trim(to: limits, keeping: segment?.path)
            if !isFresh(now) { close() }
        }
        guard segment == nil else { return }
        let path = folder.nextPath(bootID: run.bootID, now: wallClock)
        segment = try SegmentWriter(path, run, at: now)
        segments += 1
    }

    private func distance(bytesPerRow: UInt64) -> UInt64 {
        let ticks = limits.bytes / max(1, bytesPerRow)
        let seconds = (limits.seconds &+ ticks &- 1) / max(1, ticks)
        return min(max(1, seconds), Self.longestDistance)
    }

    /// Closes the segment of a folder; one without a row is not left behind.
    private mutating func close() {
        guard let segment = segment.take() else { return }
        let path = segment.isEmpty ? segment.path : nil
        segment.finish()
        if let path { Segment.remove(path) }
    }

    private func isFresh(_ now: UInt64) -> Bool {
        switch segment {
        case .some(let segment):
            now &- segment.beganAt < limits.segmentNanoseconds
                && SegmentFolder.bytesInAll(of: segment.path)
                    < min(limits.segmentBytes, limits.bytes / Self.leastSegments)
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
                // Room is waited for. Else a new segment shows whether it is this file.
                if folder != nil, ![SQLITE_FULL, SQLITE_BUSY].contains(error.kind) { close() }
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
