package import Signals

/// The last seconds of readings, and what happened in them.
package struct SlidingWindow: Sendable {
    /// Threads, and waits of threads, in all samples together that are kept. Of thousands fewer
    /// samples are kept, so that memory stays bounded: a thread takes about 500 bytes, and as much
    /// again in a step. Judgement: 32 MB.
    private static let mostThreads = 32_768

    /// How far back it reaches, ns.
    package var nanoseconds: UInt64
    private var samples: [Sample] = []
    /// What happened from each sample to the next.
    private var steps: [Window] = []

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

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
        while samples.count > 2, threads > Self.mostThreads { removeOldest() }
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
