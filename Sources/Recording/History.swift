import Glibc
import Host
import Signals
package import Training

/// The time that somebody asks for, seconds since 1970; `nil`: from the beginning, to the end.
package struct TimeRange: Sendable, Equatable {
    package var since: Double?
    package var until: Double?

    package init(since: Double? = nil, until: Double? = nil) {
        self.since = since
        self.until = until
    }

    func contains(_ seconds: Double) -> Bool {
        seconds >= since ?? -.infinity && seconds <= until ?? .infinity
    }
}

/// What was recorded, in a file or in a folder of segments. Rows are read when they are asked for.
package struct History {
    /// A recording up to this long is looked at as a whole where nobody asks for a part, s. Judgement.
    package static let shortSeconds = 600.0

    /// One segment and its moments.
    struct Part {
        var path: String
        var run: RecordedRun
        var ticks: [Tick]
    }

    /// One moment: which part, and which of its ticks.
    struct Place: Equatable {
        var part: Int
        var tick: Int
    }

    let path: String
    let parts: [Part]
    /// Segments of the folder that cannot be read.
    let unreadable: Int

    package init(_ path: String) throws(RecordingError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw .file(path: path, reason: String(cString: strerror(errno)))
        }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        guard isFolder || status.st_mode & S_IFMT == S_IFREG else {
            throw .notARecording(path: path)
        }
        var parts: [Part] = []
        var unreadable = 0
        for file in isFolder ? SegmentFolder(reading: path).segments : [path] {
            do throws(RecordingError) {
                let reader = try SegmentReader(file)
                parts.append(Part(path: file, run: reader.run, ticks: reader.ticks()))
            } catch {
                guard isFolder else { throw error }
                unreadable += 1
            }
        }
        self.path = path
        self.parts = parts
        self.unreadable = unreadable
        guard parts.contains(where: { !$0.ticks.isEmpty }) else {
            throw isFolder && unreadable == 0 && access(path, R_OK) != 0
                ? .file(path: path, reason: String(cString: strerror(EACCES))) : .empty(path: path)
        }
    }

    func tick(_ place: Place) -> Tick { parts[place.part].ticks[place.tick] }

    /// The first and the last moment, seconds since 1970.
    package var bounds: (from: Double, to: Double) {
        let times = parts.lazy.flatMap { $0.ticks.lazy.map(\.wallClock) }
        return times.reduce((.infinity, -.infinity)) { (min($0.0, $1), max($0.1, $1)) }
    }

    /// Moments within `range` whose totals can be compared: those of one run, without anything left
    /// out in between.
    func stretches(_ range: TimeRange) -> [[Place]] {
        var stretches: [[Place]] = []
        var current: [Place] = []
        for (number, part) in parts.enumerated() {
            for index in part.ticks.indices {
                let place = Place(part: number, tick: index)
                let isIn = range.contains(part.ticks[index].wallClock)
                if let last = current.last, !isIn || !follows(place, last) {
                    stretches.append(current)
                    current = []
                }
                if isIn { current.append(place) }
            }
        }
        return stretches + [current]
    }

    private func follows(_ place: Place, _ earlier: Place) -> Bool {
        parts[place.part].run.id == parts[earlier.part].run.id
            && tick(place).monotonic > tick(earlier).monotonic
    }

    /// What was seen in `range`, or in the whole of a short recording.
    package func observation(_ range: TimeRange) throws(RecordingError) -> Observation {
        let bounds = bounds
        if range == TimeRange(), bounds.to - bounds.from > Self.shortSeconds {
            throw .tooLong(path: path, from: bounds.from, to: bounds.to)
        }
        let stretches = stretches(range).filter { $0.count > 1 }
        guard let longest = stretches.max(by: { length($0) < length($1) }) else {
            throw range == TimeRange()
                ? .empty(path: path)
                : .outOfRange(path: path, from: bounds.from, to: bounds.to)
        }
        var replay = Replay(self, longest)
        if stretches.count > 1 {
            replay.notes.append(
                "recorded in \(stretches.count) parts that cannot be compared: this is the longest")
        }
        if unreadable > 0 { replay.notes.append("\(unreadable) of its files cannot be read") }
        return try replay.observation()
    }

    private func length(_ stretch: [Place]) -> UInt64 {
        guard let first = stretch.first, let last = stretch.last else { return 0 }
        return growth(tick(last).monotonic, tick(first).monotonic)
    }
}
