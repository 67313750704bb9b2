import Glibc
package import Host
import Signals
package import Training

/// Keeps the ledger on those who train: jobs come and go while the daemon stays.
package struct TrainingWatch: Sendable {
    /// Between two looks at the drivers' lists and at names, ns. Judgement: a job runs for hours.
    private static let briefly: UInt64 = 5_000_000_000
    /// Between two looks at the open files of every process, ns: on a busy host half a second of
    /// work. Judgement.
    private static let thoroughly: UInt64 = 60_000_000_000
    /// Between two looks at a process that seems to do nothing, us.
    private static let pauseMicroseconds: UInt32 = 300_000

    private var match: TrainingMatch
    /// Whether the host has GPUs, whose users are the ones that train.
    private let hasGPUs: Bool
    private var lookedAt: UInt64?
    private var searchedAt: UInt64?
    /// What the last thorough search found.
    package private(set) var search: TrainingSearch?

    package init(match: TrainingMatch, hasGPUs: Bool) {
        self.match = match
        self.hasGPUs = hasGPUs
    }

    /// Nobody is named and there is no GPU: every process of the host counts.
    package var isEverything: Bool { !hasGPUs && match.isEmpty }

    /// Looks for others from now on. False, with nothing changed, when that would turn a look at
    /// some processes into one at all of them or the other way round.
    package mutating func change(_ match: TrainingMatch) -> Bool {
        guard hasGPUs || match.isEmpty == self.match.isEmpty else { return false }
        self.match = match
        lookedAt = nil
        return true
    }

    /// Processes to be watched from now on, with their descendants; `pause` is to be called while
    /// time passes.
    package mutating func newcomers(
        on host: Host, _ gpus: GPUTable, watched: Set<Int32>, now: UInt64,
        pause: (_ microseconds: UInt32) -> Void
    ) -> Set<Int32> {
        guard !isEverything, isDue(lookedAt, Self.briefly, now) else { return [] }
        lookedAt = now
        var found = match.processes(on: host, without: watched)
        found.formUnion(gpus.listed.values.joined())
        if hasGPUs && isDue(searchedAt, Self.thoroughly, now) {
            searchedAt = now
            let search = searchForTraining(on: host, gpus) { pause(Self.pauseMicroseconds) }
            found.formUnion(search.ranks)
            self.search = search
        }
        let new = found.subtracting(watched).filter { $0 > 0 }
        guard !new.isEmpty else { return [] }
        return withDescendants(new, parents: host.parents).subtracting(watched)
    }

    private func isDue(_ last: UInt64?, _ interval: UInt64, _ now: UInt64) -> Bool {
        last.map { now &- $0 >= interval } ?? true
    }
}
