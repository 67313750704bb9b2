package import Signals

/// The last seconds of readings, and what happened in them.
package struct SlidingWindow: Sendable {
    /// Threads, and waits of threads, in all samples together that are kept. Of thousands fewer
    /// samples are kept, so that memory stays bounded: a thread takes about 500 bytes, and as much
    /// again in a step. Judgement: 32 MB.
    private static let mostThreads = 32_768
    /// Where memory is limited: what the rest of the daemon takes, and what a thread takes with all
    /// that is made of it in a tick, bytes. Measured: 24 MB at rest, 4 kB among 10,000 threads.
    private static let restBytes: UInt64 = 24 << 20
    private static let bytesPerThread: UInt64 = 4096
    private static let fewestThreads = 1024

    /// How far back it reaches, ns.
    package var nanoseconds: UInt64
    private var samples: [Sample] = []
    /// What happened from each sample to the next.
    private var steps: [Window] = []

    private let most: Int

    /// `memory`: the most that the daemon may take, bytes; `nil` for no limit.
    package init(nanoseconds: UInt64, memory: UInt64? = nil) {
        self.nanoseconds = nanoseconds
        let room = memory.map { ($0 - min($0, Self.restBytes)) / Self.bytesPerThread }
        most = min(Self.mostThreads, max(Self.fewestThreads, Int(clamping: room ?? .max)))
    }

    package struct View: Sendable {
        /// From the oldest sample to the newest.
        package var whole: Window
        /// From the last sample but one to the newest.
        package var step: Window
        /// Oldest first.
        package var steps: [Window]
    }

    /// The view after one more sample; `nil` for the first.
    package mutating func add(
        _ sample: Sample, _ subtract: (_ earlier: Sample, _ later: Sample) -> Window
    ) -> View? {
        forget(before: growth(sample.monotonic, nanoseconds))
        guard let first = samples.first, let last = samples.last else {
            samples.append(sample)
            return nil
        }
        let step = subtract(last, sample)
        let whole = samples.count > 1 ? subtract(first, sample) : step
        samples.append(sample)
        steps.append(step)
        defer { thin() }
        return View(whole: whole, step: step, steps: steps)
    }

    /// The oldest sample is the youngest that is as old as the window.
    private mutating func forget(before horizon: UInt64) {
        while samples.count > 1, samples[1].monotonic <= horizon { removeOldest() }
    }

    /// A crowd of threads leaves fewer samples.
    private mutating func thin() {
        while samples.count > 2, threads > most { removeOldest() }
    }

    private mutating func removeOldest() {
        samples.removeFirst()
        steps.removeFirst()
    }

    private var threads: Int {
        samples.reduce(0) { sum, sample in
            guard case .success(let threads) = sample.totals[Threads.self] else { return sum }
            return sum + threads.threads.count + threads.waits.count / 4
        }
    }
}
