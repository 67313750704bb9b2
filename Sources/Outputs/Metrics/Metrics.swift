package import Rules
package import Signals
package import Training

/// What a scrape is made of: sums since the start, and the last look.
package struct MetricsSnapshot: Sendable {
    package struct Look: Sendable {
        /// What happened since the tick before.
        package var step: Window
        package var observation: Observation
        package var diagnosis: Diagnosis

        package init(_ step: Window, _ observation: Observation, _ diagnosis: Diagnosis) {
            self.step = step
            self.observation = observation
            self.diagnosis = diagnosis
        }
    }

    package var counters: MetricCounters
    /// `nil` before the first tick.
    package var look: Look?
    package var own: SelfReport

    package init(counters: MetricCounters, look: Look?, own: SelfReport) {
        self.counters = counters
        self.look = look
        self.own = own
    }
}

/// Every family there is, in the order in which they are exported.
package let metricFamilies =
    threadFamilies + hostFamilies + deviceFamilies + findingFamilies + selfFamilies
    + [droppedFamily]

/// The body of a scrape.
package func exposition(_ snapshot: MetricsSnapshot, _ format: ExpositionFormat) -> String {
    var body = Exposition(format)
    for family in metricFamilies where family.name != droppedFamily.name {
        body.add(family, samples(of: family, snapshot))
    }
    let dropped = body.dropped.sorted { $0.key < $1.key }
    body.add(
        droppedFamily, dropped.map { MetricSample([$0.key], .number(Double($0.value))) })
    return body.finished()
}

/// Those that only grow are kept; others are taken from the last look.
private func samples(of family: MetricFamily, _ snapshot: MetricsSnapshot) -> [MetricSample] {
    let name = family.name
    return threadSamples(name, snapshot) ?? hostSamples(name, snapshot)
        ?? deviceSamples(name, snapshot) ?? findingSamples(name, snapshot)
        ?? selfSamples(name, snapshot) ?? snapshot.counters.samples(name)
}
