package import Rules
package import Signals
package import Training

/// Sums since the daemon's start: they only grow, whatever the counters do that they are made of,
/// and have room for so many series and no more, whatever names come.
package struct MetricCounters: Sendable {
    private var sums: [String: Sums] = [:]
    /// Waits by upper bound, not cumulative; the last ones are longer than all bounds.
    private(set) var waits: [Role: [UInt64]] = [:]
    /// Names that have a label of their own, by what they name. The first that matter get one.
    private var named: [String: Set<String>] = [:]
    /// Rules that were raised at least once, with how grave they are.
    private(set) var rules: Set<[String]> = []
    package private(set) var ticks: UInt64 = 0

    /// The series of one family, in the order in which they came.
    private struct Sums {
        var places: [[String]: Int] = [:]
        var samples: [(labels: [String], sum: Double)] = []
    }

    package init() {}

    /// Adds what happened between two ticks; `diagnosis` is what the rules say of the last seconds.
    package mutating func add(_ step: Window, _ observation: Observation, _ diagnosis: Diagnosis) {
        ticks += 1
        addThreads(step, observation.job)
        addCPUs(step)
        addInterrupts(step, observation.facts)
        addMemory(step)
        addStorage(step)
        addGPUs(step, diagnosis)
        addFabric(step)
        for coverage in step.change.coverage(of: allSignals) {
            grow("stoker_lost_events_total", [coverage.signal], Double(coverage.lost))
        }
        for finding in diagnosis.findings {
            rules.insert([finding.rule, finding.severity.rawValue])
        }
    }

    func sum(_ family: String, _ labels: [String]) -> Double? {
        sums[family].flatMap { all in all.places[labels].map { all.samples[$0].sum } }
    }

    func samples(_ family: String) -> [MetricSample] {
        sums[family]?.samples.map { MetricSample($0.labels, .number($0.sum)) } ?? []
    }

    /// Never less than before.
    mutating func grow(_ family: String, _ labels: [String], _ more: Double) {
        guard more >= 0, more.isFinite else { return }
        if let place = sums[family]?.places[labels] {
            sums[family]?.samples[place].sum += more
        } else {
            sums[family, default: Sums()].places[labels] = sums[family]?.samples.count ?? 0
            sums[family]?.samples.append((labels, more))
        }
    }

    mutating func grow(_ family: String, _ labels: [String], nanoseconds: UInt64) {
        grow(family, labels, Double(nanoseconds) / 1e9)
    }

    mutating func addWaits(_ slots: ArraySlice<UInt64>, of role: Role) {
        for (slot, count) in slots.enumerated() where count > 0 {
            // Slot n ends at 2^(n - 29) s, and the first bound is 2^-20 s.
            let none = [UInt64](repeating: 0, count: waitBounds.count + 1)
            waits[role, default: none][min(max(slot - 9, 0), waitBounds.count)] &+= count
        }
    }

    /// `name` where it has a label, or room for one and reason enough to get it; else `(other)`.
    mutating func label(_ name: String, of group: String, most: Int, matters: Bool) -> String {
        if named[group]?.contains(name) == true { return name }
        guard matters, !name.isEmpty, named[group]?.count ?? 0 < most else { return "(other)" }
        named[group, default: []].insert(name)
        return name
    }
}
