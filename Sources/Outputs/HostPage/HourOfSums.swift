import Host
package import Rules
package import Signals
package import Training

/// The last hour in a few sums: 360 points of ten seconds, however long the daemon runs and
/// whatever is watched.
package struct HourOfSums: Sendable, Equatable {
    /// Ten seconds of it.
    package struct Point: Sendable, Equatable {
        /// Seconds of the threads that the job waits for, by `TimeGroup`, in its order.
        private var bySeconds = InlineArray<8, Double>(repeating: 0)
        private var gpu = Ratio()
        private var host = Ratio()

        package init() {}

        package subscript(_ group: TimeGroup) -> Double {
            get { bySeconds[Self.index(group)] }
            set { bySeconds[Self.index(group)] = newValue }
        }

        /// Thread-seconds together; 0: no training was seen.
        package var seconds: Double { TimeGroup.allCases.reduce(0) { $0 + self[$1] } }
        /// Mean over the GPUs of which it is known, 0 to 1; `nil`: nobody knows.
        package var gpuBusy: Double? { gpu.value }
        /// Share of the launch threads' time that the host cost, 0 to 1; `nil`: nobody trained.
        package var hostCost: Double? { host.value }

        mutating func addGPU(busy: UInt64, of observed: UInt64) {
            gpu.add(Double(min(busy, observed)), of: Double(observed))
        }

        mutating func addCost(_ share: Double, seconds: Double) {
            host.add(min(max(share, 0), 1) * seconds, of: seconds)
        }

        private static func index(_ group: TimeGroup) -> Int {
            switch group {
            case .running: 0
            case .waiting: 1
            case .throttled: 2
            case .interrupted: 3
            case .memory: 4
            case .io: 5
            case .blocked: 6
            case .sleeping: 7
            }
        }

        package static func == (left: Point, right: Point) -> Bool {
            left.gpu == right.gpu && left.host == right.host
                && TimeGroup.allCases.allSatisfy { left[$0] == right[$0] }
        }
    }

    private struct Ratio: Sendable, Equatable {
        var part = 0.0
        var whole = 0.0

        var value: Double? { whole > 0 ? part / whole : nil }

        mutating func add(_ part: Double, of whole: Double) {
            guard part.isFinite, whole.isFinite else { return }
            self.part += part
            self.whole += whole
        }
    }

    package static let count = 360
    package static let secondsPerPoint = 10.0
    private static let slotLength: UInt64 = 10_000_000_000

    /// By slot modulo `count`; what is older than an hour is overwritten.
    private var ring: [Point?] = []
    /// The slot that is written now: ten seconds since boot, counted.
    private var newest: UInt64?

    package init() {}

    /// Adds what happened between two ticks, the later of which was taken at `monotonic`
    /// (CLOCK_MONOTONIC, ns). `diagnosis` is what the host cost then.
    package mutating func add(
        _ step: Window, _ job: Job, _ diagnosis: Diagnosis, at monotonic: UInt64
    ) {
        let slot = monotonic / Self.slotLength
        advance(to: slot)
        let place = Int(slot % UInt64(Self.count))
        guard ring.indices.contains(place) else { return }
        var point = ring[place] ?? Point()
        addThreads(of: step, job, to: &point)
        addGPUs(of: step, to: &point)
        if job.scope == .processes, diagnosis.verdict != .unknown {
            point.addCost(hostShare(diagnosis), seconds: step.seconds)
        }
        ring[place] = point
    }

    /// The last hour, oldest first; `nil` where nothing was sampled.
    package var points: [Point?] {
        guard let newest, !ring.isEmpty else { return [] }
        let first = Int((newest % UInt64(Self.count) + 1) % UInt64(Self.count))
        return Array(ring[first...]) + Array(ring[..<first])
    }

    /// Empties what lies between; a clock that went back begins anew.
    private mutating func advance(to slot: UInt64) {
        guard let last = newest, slot >= last, slot - last < UInt64(Self.count) else {
            ring = Array(repeating: nil, count: Self.count)
            newest = slot
            return
        }
        for empty in last..<slot { ring[Int((empty + 1) % UInt64(Self.count))] = nil }
        newest = slot
    }

    private func addThreads(of step: Window, _ job: Job, to point: inout Point) {
        guard job.scope == .processes, let threads = try? step(Threads.self) else { return }
        let hasLaunch = job.roles.values.contains(.launch)
        for thread in threads.threads where !hasLaunch || job.role(thread.tid) == .launch {
            for group in TimeGroup.allCases {
                point[group] += Double(group.time(in: thread.time)) / 1e9
            }
        }
    }

    private func addGPUs(of step: Window, to point: inout Point) {
        guard let gpus = try? step(GPUs.self) else { return }
        for gpu in gpus.gpus {
            guard let active = gpu.activity.active, let observed = gpu.activity.observed,
                observed > 0
            else { continue }
            point.addGPU(busy: active, of: observed)
        }
    }
}
