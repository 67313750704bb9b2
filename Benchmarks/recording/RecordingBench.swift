import Glibc
import Host
import Recording
import Signals

/// What a recorded tick costs. Arguments: numbers of threads. Or `write FILE` or
/// `write FOLDER/`: records made-up ticks as fast as it can and says which it has, until it is killed.
@main struct RecordingBench {
    private static let ticks = 300

    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.count == 2, arguments.first == "write", let path = arguments.last {
            return try write(path)
        }
        let counts = arguments.compactMap { Int($0) }
        print("threads  bytes/tick  MB/day  CPU ms/tick  peak MB  ms to read \(ticks) ticks")
        for count in counts.isEmpty ? [0, 20, 200, 2_000, 10_000] : counts {
            try measure(threads: count)
        }
    }

    private static func measure(threads: Int) throws {
        var folder = Array("/tmp/stoker-bench-XXXXXX".utf8CString)
        mkdtemp(&folder)
        let path = String(decoding: folder.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let file = path + "/history.db"
        defer {
            unlink(file)
            rmdir(path)
        }
        var series = Series(threads: threads)
        var recorder = try Recorder(file: file, run: run)
        var cost = 0.0
        for _ in 0..<ticks {
            let entry = series.next()
            let before = processorMilliseconds()
            recorder.append(entry)
            cost += processorMilliseconds() - before
        }
        recorder.finish()
        let peak = peakMegabytes
        var status = stat()
        stat(file, &status)
        let bytes = Int(status.st_size) / ticks
        let before = processorMilliseconds()
        _ = try History(file).observation(TimeRange())
        let reading = processorMilliseconds() - before
        let figures = [
            "\(threads)", "\(bytes)", "\(bytes * 86_400 / 1_000_000)", "\(cost / Double(ticks))",
            "\(peak)", "\(reading)",
        ]
        print(figures.joined(separator: "  "))
    }

    private static func write(_ path: String) throws {
        var series = Series(threads: 20)
        var recorder =
            path.hasSuffix("/")
            ? Recorder(try HistoryLock(folder: path), limits: small, run: run)
            : try Recorder(file: path, run: run)
        while true {
            let entry = series.next()
            switch recorder.append(entry) {
            case .recording: print(entry.sample.monotonic)
            case .paused(let reason): print("paused: \(reason)")
            }
            fflush(nil)
        }
    }

    /// What fits a test.
    private static var small: RecorderLimits {
        var limits = RecorderLimits()
        limits.bytes = 2 << 20
        limits.seconds = 0
        return limits
    }

    private static var run: RecordedRun {
        RecordedRun(on: Host(), hostname: "bench", version: "0")
    }

    /// Of the whole process, with the made-up threads.
    private static var peakMegabytes: Int {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss >> 10
    }

    private static func processorMilliseconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
    }
}
