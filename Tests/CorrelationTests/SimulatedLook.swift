import Correlation

extension Simulation {
    private var windowCount: Int { seen.first?.running.count ?? 0 }

    /// What Stoker would have read: the mean of the ring's samples that end in a window, in whole
    /// percent, with one in fifty lost.
    func look() -> Look {
        var luck = SeededGenerator(seed: plan.seed &* 32_452_843)
        let length = UInt64((plan.window * 1e9).rounded())
        let spans = (0..<windowCount).map { Span(start: UInt64($0) * length, length: length) }
        let gpus = seen.indices.map { place -> GPUSeries in
            var series = GPUSeries(gpu: Simulation.address(place), job: "job", idle: [])
            series.idle = idleShares(place).map { share in
                luck.next().isMultiple(of: 50)
                    ? nil : share.map { (100 * min($0, 1)).rounded() / 100 }
            }
            series.running = seen[place].running.map { min($0 / plan.window, 1) }
            series.doses = seen[place].lost.enumerated().map { index, lost in
                Dose(label: label(index), nanoseconds: lost.map { $0 * 1e9 })
            }
            (series.held, series.fabric) = trouble(place)
            return series
        }
        return Look(windows: spans, gpus: gpus)
    }

    static func address(_ place: Int) -> String { "0000:\(place)1:00.0" }

    private func label(_ index: Int) -> Label {
        index < plan.faults.count ? plan.faults[index].label : Simulation.background
    }

    /// Seconds that the GPU idled, as its counters tell it and before rounding.
    func idleSeconds(_ place: Int) -> Double {
        idleShares(place).reduce(0) { $0 + ($1 ?? 0) * plan.window }
    }

    private func idleShares(_ place: Int) -> [Double?] {
        var sums = [Double](repeating: 0, count: windowCount)
        var counts = [Double](repeating: 0, count: windowCount)
        for (sample, idle) in seen[place].idle.enumerated() {
            let end = ringOffset + Double(sample + 1) * Simulation.ring
            let window = Int((end / plan.window).rounded(.down))
            guard window >= 0, window < windowCount else { continue }
            sums[window] += idle / Simulation.ring
            counts[window] += 1
        }
        return sums.indices.map { counts[$0] > 0 ? sums[$0] / counts[$0] : nil }
    }

    private func trouble(_ place: Int) -> (held: [Double], fabric: [Double]) {
        var held = [Double](repeating: 0, count: windowCount)
        var fabric = held
        for fault in plan.faults {
            for window in held.indices where fault.hits(place, plan.window * Double(window)) {
                if case .slowGPU = fault.kind { held[window] = 1 }
                if case .congestion(let share) = fault.kind { fabric[window] = share }
            }
        }
        return (held, fabric)
    }
}
