/// The last hour as areas and lines. Units: 10 for each point to the right, 1,000 to the top.
private let width = HourOfSums.count * 10
private let height = 1_000
/// Points of one stripe that tells its figures when it is pointed at: a minute.
private let stripe = 6
/// The scale of what the host cost never ends below this. Judgement: 1 % is worth acting on.
private let leastScale = 0.02

extension HTML {
    mutating func hour(_ hour: HourOfSums) {
        let points = hour.points
        let hasThreads = points.contains { ($0?.seconds ?? 0) > 0 }
        let hasGPUs = points.contains { $0?.gpuBusy != nil }
        element(.section) { section in
            section.element(.h2, text: "The last hour")
            guard hasThreads || hasGPUs else {
                section.element(.p, "quiet", text: "No training was seen in the last hour.")
                return
            }
            section.element(
                .p, "quiet",
                text: "The launch threads' time by what it went to, in percent"
                    + (hasGPUs ? ", and how busy the GPUs were" : "")
                    + ". Where nothing is drawn, nobody trained or nothing was seen.")
            let sums = total(points)
            let line = hasGPUs ? [(name: "GPUs busy (mean)", colour: "key-line")] : []
            section.legend(hourParts(sums), and: line)
            section.areas(points, label: summary(points))
            if hasThreads { section.costs(points) }
            section.times()
        }
    }

    private mutating func areas(_ points: [HourOfSums.Point?], label: String) {
        element(.div, classes: "plot") { plot in
            plot.scale(["100 %", "50 %", "0 %"])
            plot.canvas("chart", label) { svg in
                // From the back to the front: each area covers the lower part of the last.
                for (place, group) in TimeGroup.allCases.enumerated().reversed() {
                    let below = TimeGroup.allCases.prefix(place + 1)
                    guard points.contains(where: { ($0?[group] ?? 0) > 0 }) else { continue }
                    let tops = points.map { $0.flatMap { top(of: below, $0) } }
                    svg.shape(group.rawValue, areaPath(tops))
                }
                svg.shape("line", linePath(points.map { $0?.gpuBusy }))
                svg.stripes(points)
            }
        }
    }

    private mutating func costs(_ points: [HourOfSums.Point?]) {
        let costs = points.map { $0?.hostCost }
        let most = costs.compactMap { $0 }.max() ?? 0
        let scale = max(leastScale, (most * 50).rounded(.up) / 50)
        element(.p, "quiet caption", text: "What the host cost the launch threads")
        element(.div, classes: "plot") { plot in
            plot.scale([percent(scale), "0 %"])
            let label = "What the host cost, at most \(percent(most))"
            plot.canvas("chart low", label) { svg in
                svg.shape("cost", areaPath(costs.map { $0.map { $0 / scale } }))
            }
        }
    }

    private mutating func canvas(
        _ classes: String, _ label: String, _ content: (inout HTML) -> Void
    ) {
        let attributes: Attributes = [
            (.classes, classes), (.viewBox, "0 0 \(width) \(height)"),
            (.preserveAspectRatio, "none"), (.role, "img"), (.label, label),
        ]
        element(.svg, attributes) { svg in
            svg.element(.title, text: label)
            content(&svg)
        }
    }

    private mutating func shape(_ classes: String, _ path: String) {
        guard !path.isEmpty else { return }
        element(.path, [(.classes, classes), (.d, path)])
    }

    private mutating func scale(_ marks: [String]) {
        element(.div, [(.classes, "scale"), (.hidden, "true")]) { scale in
            for mark in marks { scale.element(.span, text: mark) }
        }
    }

    private mutating func times() {
        element(.div, [(.classes, "times"), (.hidden, "true")]) { times in
            for mark in ["60 min ago", "45", "30", "15", "now"] {
                times.element(.span, text: mark)
            }
        }
    }

    /// What each minute was like, shown where the pointer rests.
    private mutating func stripes(_ points: [HourOfSums.Point?]) {
        for first in stride(from: 0, to: points.count, by: stripe) {
            let minute = Array(points[first..<min(first + stripe, points.count)])
            guard minute.contains(where: { $0 != nil }) else { continue }
            let ago = (points.count - first) / stripe
            element(.g) { group in
                group.element(.title, text: "\(ago) min ago: " + summary(minute))
                group.rect(
                    "stripe", x: Double(first * 10), y: 0, width: Double(minute.count * 10),
                    height: Double(height))
            }
        }
    }
}

/// The share of the time up to and with the last of `groups`.
private func top(of groups: some Sequence<TimeGroup>, _ point: HourOfSums.Point) -> Double? {
    let all = point.seconds
    return all > 0 ? groups.reduce(0) { $0 + point[$1] } / all : nil
}

private func total(_ points: [HourOfSums.Point?]) -> HourOfSums.Point {
    var sum = HourOfSums.Point()
    for case .some(let point) in points {
        for group in TimeGroup.allCases { sum[group] += point[group] }
    }
    return sum
}

private func hourParts(_ sum: HourOfSums.Point) -> [PagePart] {
    TimeGroup.allCases.map { group in
        // Microseconds, as far as they can be counted.
        let amount = min(max(sum[group], 0) * 1e6, 1e18)
        return PagePart(name: group.name, colour: group.rawValue, amount: UInt64(amount))
    }
}

/// `running 58 %, waiting for a CPU 31 %; GPUs busy 70 %; host cost 31 %`
private func summary(_ points: [HourOfSums.Point?]) -> String {
    let sum = total(points)
    let all = sum.seconds
    let shares = TimeGroup.allCases.filter { all > 0 && sum[$0] / all >= 0.005 }
        .map { "\($0.name) \(percent(sum[$0] / all))" }
    let parts = [
        shares.isEmpty ? "no training seen" : shares.joined(separator: ", "),
        mean(points.compactMap { $0?.gpuBusy }).map { "GPUs busy \(percent($0))" },
        mean(points.compactMap { $0?.hostCost }).map { "the host cost \(percent($0))" },
    ]
    return parts.compactMap { $0 }.joined(separator: "; ")
}

private func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
}

/// Stretches of points that are there, as heights from the top.
private func stretches(_ shares: [Double?]) -> [(first: Int, heights: [Int])] {
    var stretches: [(first: Int, heights: [Int])] = []
    var isOpen = false
    for (index, share) in shares.enumerated() {
        guard let share, share.isFinite else {
            isOpen = false
            continue
        }
        let y = height - Int((min(max(share, 0), 1) * Double(height)).rounded())
        if isOpen {
            stretches[stretches.count - 1].heights.append(y)
        } else {
            stretches.append((index, [y]))
            isOpen = true
        }
    }
    return stretches
}

/// From the middle of each ten seconds to the next; both ends reach to the edge of theirs.
private func areaPath(_ shares: [Double?]) -> String {
    stretches(shares).map { first, heights in
        "M\(first * 10) \(height)V\(heights[0])h5" + steps(heights)
            + "h5V\(height)z"
    }.joined()
}

private func linePath(_ shares: [Double?]) -> String {
    stretches(shares).map { first, heights in
        "M\(first * 10) \(heights[0])h5" + steps(heights) + "h5"
    }.joined()
}

/// Relative steps: a third of the bytes.
private func steps(_ heights: [Int]) -> String {
    var path = ""
    for (before, now) in zip(heights, heights.dropFirst()) {
        path += "l10 "
        path += String(now - before)
    }
    return path
}
