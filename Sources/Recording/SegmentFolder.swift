import Glibc
import Host

/// A folder of segments, oldest first by name.
struct SegmentFolder {
    private static let prefix = "stoker-"
    private static let suffix = ".db"

    /// Without symbolic links.
    let path: String

    /// Creates the folder for its owner alone where there is none.
    init(creating path: String) throws(RecordingError) {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        if mkdir(trimmed, 0o700) != 0 && errno != EEXIST {
            throw .file(path: path, reason: String(cString: strerror(errno)))
        }
        try Self.checkLink(trimmed)
        guard let real = realpath(trimmed, nil) else {
            throw .file(path: path, reason: String(cString: strerror(errno)))
        }
        defer { free(real) }
        self.path = String(cString: real)
        var status = stat()
        guard stat(self.path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw .file(path: path, reason: String(cString: strerror(ENOTDIR)))
        }
        guard status.st_uid == geteuid() else {
            throw .file(path: path, reason: "it belongs to another user")
        }
        if status.st_mode & 0o077 != 0 { chmod(self.path, 0o700) }
    }

    /// A folder that is only read.
    init(reading path: String) { self.path = path }

    /// systemd makes the state folder of a dynamic user a link of root's; anybody else's is a trap.
    private static func checkLink(_ path: String) throws(RecordingError) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw .file(path: path, reason: "it is a symbolic link of another user")
        }
    }

    /// Paths of its segments, oldest first.
    var segments: [String] {
        Host().names(in: path)
            .filter { $0.hasPrefix(Self.prefix) && $0.hasSuffix(Self.suffix) }
            .map { "\(path)/\($0)" }
            .filter { Self.bytes(of: $0) != nil }
    }

    /// A name that sorts after those of all segments, whatever the clock says.
    func nextPath(bootID: String, now: Double) -> String {
        let boot = String(bootID.prefix(8)).filter { $0.isHexDigit }
        var stamp = Self.stamp(now)
        let latest = segments.last.flatMap { $0.split(separator: "/").last } ?? ""
        let last = String(latest.dropFirst(Self.prefix.count).prefix { $0 != "-" })
        if last.utf8.count == stamp.utf8.count, last >= stamp { stamp = Self.after(last) }
        return "\(path)/\(Self.prefix)\(stamp)-\(boot)\(Self.suffix)"
    }

    /// Removes the oldest segments until the rest is within the limits; `current` stays. The bytes
    /// and the number of that rest.
    func trim(to limits: RecorderLimits, keeping current: String?) -> (UInt64, Int) {
        let paths = segments
        let sizes = paths.map(Self.bytesInAll)
        var bytes = sizes.reduce(0, +)
        var count = paths.count
        for (path, size) in zip(paths, sizes) where path != current {
            guard bytes > limits.bytes || count > limits.segments else { break }
            Segment.remove(path)
            guard access(path, F_OK) != 0 else { continue }
            bytes -= size
            count -= 1
        }
        return (bytes, count)
    }

    /// With what SQLite keeps beside it.
    static func bytesInAll(of path: String) -> UInt64 {
        ([""] + Segment.companions).reduce(0) { $0 + (bytes(of: path + $1) ?? 0) }
    }

    /// `nil` for what is no plain file.
    private static func bytes(of path: String) -> UInt64? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return UInt64(clamping: status.st_size)
    }

    /// `20261123T021000Z`
    private static func stamp(_ seconds: Double) -> String {
        var time = time_t(min(max(seconds, 0), 253_402_300_799))
        var parts = tm()
        gmtime_r(&time, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y%m%dT%H%M%SZ", &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A second later, counted in the name alone: the clock was set back, or two began at once.
    private static func after(_ stamp: String) -> String {
        let digits = stamp.utf8.filter { (0x30...0x39).contains($0) }.map { Int32($0) - 0x30 }
        guard digits.count == 14, stamp.utf8.count == 16 else { return stamp + "a" }
        func part(_ range: Range<Int>) -> Int32 { digits[range].reduce(0) { $0 * 10 + $1 } }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) =
            (part(0..<4) - 1900, part(4..<6) - 1, part(6..<8))
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (part(8..<10), part(10..<12), part(12..<14))
        return Self.stamp(Double(timegm(&parts)) + 1)
    }
}
