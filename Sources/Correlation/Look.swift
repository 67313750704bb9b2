/// What took time from a rank, and who did: `cpu-contention`, `stress-ng`.
package struct Label: Sendable, Hashable, Comparable {
    package var cause: String
    package var culprit: String

    package init(cause: String, culprit: String) {
        (self.cause, self.culprit) = (cause, culprit)
    }

    package static func < (one: Label, other: Label) -> Bool {
        (one.cause, one.culprit) < (other.cause, other.culprit)
    }
}

/// A stretch of time for which each series has one value; CLOCK_MONOTONIC, ns.
package struct Span: Sendable, Equatable {
    package var start: UInt64
    package var length: UInt64

    package init(start: UInt64, length: UInt64) { (self.start, self.length) = (start, length) }
}

/// Time that the rank of a GPU lost to one thing.
package struct Dose: Sendable {
    package var label: Label
    /// Lost in each window, ns: of the launch thread or, where loaders were hit, of the worst-hit
    /// one. Not the sum over threads: a GPU waits no longer than the slowest of them.
    package var nanoseconds: [Double]

    package init(label: Label, nanoseconds: [Double]) {
        (self.label, self.nanoseconds) = (label, nanoseconds)
    }
}

/// Why a window says nothing about the host: KNOWLEDGE B0.7.
package enum Exclusion: Sendable {
    case start, checkpoint, throttled, error, portChange
}

/// One GPU over time. Series that are too short count as unknown, or as 0, for the rest.
package struct GPUSeries: Sendable {
    /// PCI address.
    package var gpu: String
    /// GPUs of one job run the same program and may wait for one another.
    package var job: String
    /// Share of each window in which the GPU idled, 0 to 1; nil where it could not be read.
    package var idle: [Double?]
    package var doses: [Dose] = []
    /// Share of each window that the launch thread was on a CPU, 0 to 1.
    package var running: [Double?] = []
    /// Share of each window that the GPU itself was held back (power, heat), 0 to 1.
    package var held: [Double] = []
    /// Share of each window that its port was congested or in error, 0 to 1.
    package var fabric: [Double] = []
    package var excluded: [Exclusion?] = []

    package init(gpu: String, job: String, idle: [Double?]) {
        (self.gpu, self.job, self.idle) = (gpu, job, idle)
    }
}

/// All that is known of a stretch of time: every series has one value for each window.
package struct Look: Sendable {
    package var windows: [Span]
    package var gpus: [GPUSeries]

    package init(windows: [Span], gpus: [GPUSeries]) {
        (self.windows, self.gpus) = (windows, gpus)
    }
}
