import Host

/// The open readers of every signal that this host has.
package struct Sensors {
    private var fills: [(inout Readings) -> Void] = []
    private let signals: [any Signal.Type]

    package init(_ signals: [any Signal.Type] = allSignals, on source: Source) {
        self.signals = signals
        for signal in signals { open(signal, on: source) }
    }

    /// Reads everything now.
    package func sample() -> Sample {
        var totals = Readings()
        let monotonic = monotonicNanoseconds()
        for fill in fills { fill(&totals) }
        return Sample(monotonic: monotonic, totals: totals)
    }

    /// What happened between two samples.
    package func window(from earlier: Sample, to later: Sample) -> Window {
        Window(from: earlier, to: later, of: signals)
    }

    private mutating func open<S: Signal>(_ signal: S.Type, on source: Source) {
        do throws(Unavailable) {
            let read = try S.open(on: source)
            fills.append { $0[signal] = Result { () throws(Unavailable) in try read() } }
        } catch {
            fills.append { $0[signal] = .failure(error) }
        }
    }
}
