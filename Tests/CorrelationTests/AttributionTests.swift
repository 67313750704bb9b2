import Correlation
import Testing

/// What the answer must keep to whatever it is given.
@Suite struct AttributionTests {
    private let second: UInt64 = 1_000_000_000
    private let hog = Label(cause: "cpu-contention", culprit: "hog")

    private func windows(_ count: Int) -> [Span] {
        (0..<count).map { Span(start: UInt64($0) * second, length: second) }
    }

    private func say(_ gpus: [GPUSeries], _ windows: [Span]) -> [GPUAttribution] {
        var generator = SeededGenerator(seed: 1)
        return attribute(Look(windows: windows, gpus: gpus), using: &generator)
    }

    /// Idle for `idle` of each second, of which the rank lost `lost`; a little noise.
    private func series(
        _ gpu: String, idle: Double, lost: Double = 0, count: Int = 40, seed: UInt64 = 1
    ) -> GPUSeries {
        var series = GPUSeries(
            gpu: gpu, job: "job", idle: noise(count, seed: seed).map { idle + 0.02 * $0 })
        series.doses = [
            Dose(
                label: hog,
                nanoseconds: noise(count, seed: seed + 50).map { 1e9 * lost * (0.9 + 0.2 * $0) })
        ]
        return series
    }

    // Nothing, too little, nonsense

    @Test func nothingSeenIsNothingSaid() {
        #expect(say([], []).isEmpty)
        #expect(say([], windows(5)).isEmpty)
        let blind = say([GPUSeries(gpu: "a", job: "j", idle: [])], windows(20))
        #expect(blind.map(\.looked) == [0])
        #expect(blind.allSatisfy { $0.explained.isEmpty && $0.loss == 0 && $0.idle == 0 })
    }

    @Test(arguments: 0...9) func shortLooksAreNoCrash(count: Int) {
        let said = say(
            [series("a", idle: 0.4, lost: 0.5, count: count), series("b", idle: 0.1, seed: 2)],
            windows(count))
        #expect(said.count == 2)
        #expect(said.allSatisfy { $0.loss <= $0.idle + 1 })
    }

    @Test func nonsenseIsUnknownOrNothing() {
        let odd: [Double] = [
            .nan, .infinity, -.infinity, -5, 1e300, -1e300, 0.5, .leastNonzeroMagnitude,
        ]
        var gpu = GPUSeries(gpu: "a", job: "j", idle: odd + [nil, nil])
        gpu.doses = [Dose(label: hog, nanoseconds: odd), Dose(label: hog, nanoseconds: odd)]
        (gpu.held, gpu.fabric, gpu.running) = (odd, odd, odd)
        gpu.excluded = [nil, .checkpoint]
        let spans = [0, 1, .max, 3, 4, 5, 6, 7, 8, 0].map { Span(start: .max, length: $0) }
        for one in say([gpu, gpu], spans) {
            let figures = [
                one.looked, one.idle, one.loss, one.usualOnCPU, one.rest.total,
                one.explained.reduce(0) { $0 + $1.nanoseconds },
            ]
            #expect(figures.allSatisfy { $0.isFinite && $0 >= 0 })
        }
    }

    @Test func theSameInputGivesTheSameAnswer() {
        func look() -> [[Explained]] {
            let gpus = (0..<4).map {
                series("\($0)", idle: $0 == 1 ? 0.4 : 0.03, lost: $0 == 1 ? 0.5 : 0, seed: $0 + 3)
            }
            return say(gpus, windows(40)).map(\.explained)
        }
        #expect(look() == look())
    }

    // Each question alone

    @Test func oneGPUAboveItsPeersIsMeasured() throws {
        let gpus = (0..<8).map {
            series("\($0)", idle: $0 == 3 ? 0.35 : 0.05, lost: $0 == 3 ? 0.4 : 0, seed: $0 + 3)
        }
        let said = say(gpus, windows(40))
        let found = try #require(said[3].explained.first)
        #expect(found.label == hog && found.rankOf == "3")
        #expect(found.confidence == .measured && !found.isBound && found.lag == nil)
        #expect(abs(found.nanoseconds / 40e9 - 0.3) < 0.02)
        for (place, other) in said.enumerated() where place != 3 {
            #expect(other.explained.isEmpty && other.loss == 0)
        }
    }

    /// The dose is half of what the GPU idles more than its peers: the other half is not the host's.
    @Test func noMoreIsExplainedThanWasLost() throws {
        var gpus = (0..<8).map {
            series("\($0)", idle: $0 == 3 ? 0.45 : 0.05, lost: $0 == 3 ? 0.2 : 0, seed: $0 + 3)
        }
        gpus[3].running = [Double?](repeating: 0.8, count: 40)
        let said = say(gpus, windows(40))[3]
        let explained = said.explained.reduce(0) { $0 + $1.nanoseconds } / 40e9
        #expect(abs(explained - 0.2) < 0.01)
        #expect(abs(said.rest.program / 40e9 - 0.19) < 0.03)
    }

    @Test func aLateRankIsChargedToAllThatWaitForIt() throws {
        let turns = (0..<40).map { $0 % 10 < 5 ? 0.4 : 0.0 }
        let gpus = (0..<4).map { place -> GPUSeries in
            var gpu = series("\(place)", idle: 0.05, seed: UInt64(place) + 3)
            gpu.idle = zip(gpu.idle, turns).map { idle, turn in idle.map { $0 + 0.8 * turn } }
            if place == 2 {
                gpu.doses = [Dose(label: hog, nanoseconds: turns.map { $0 * 1e9 })]
            }
            return gpu
        }
        for one in say(gpus, windows(40)) {
            let found = try #require(one.explained.first)
            #expect(found.rankOf == "2" && found.confidence == .associated && !found.isBound)
            #expect(abs(found.nanoseconds / 40e9 - 0.16) < 0.02)
        }
    }

    @Test func otherJobsAreNoPeersAndWaitForNobody() {
        var gpus = (0..<8).map { series("\($0)", idle: 0.05, count: 12, seed: UInt64($0) + 3) }
        gpus[3] = series("3", idle: 0.35, lost: 0.4, count: 12)
        for place in 0..<8 { gpus[place].job = place == 3 ? "a" : "b" }
        let said = say(gpus, windows(12))
        #expect(said[3].explained.first?.isBound == true)
        #expect(said.enumerated().allSatisfy { $0 == 3 || $1.explained.isEmpty })
    }

    /// Lost time that rises and falls while the idling does not care is hidden by queued work.
    @Test func idlingThatDoesNotFollowTheDoseIsNotExplainedByIt() {
        #expect(say([series("a", idle: 0.35, lost: 0.4)], windows(40))[0].explained.isEmpty)
    }

    @Test func excludedWindowsCountForNothing() {
        var gpu = series("a", idle: 0.35, lost: 0.4)
        gpu.excluded = [Exclusion?](repeating: .error, count: 40)
        let said = say([gpu], windows(40))
        #expect(said.map(\.looked) == [0])
        #expect(said.allSatisfy { $0.explained.isEmpty })
    }

    @Test func whatExplainsNothingHasABound() throws {
        let gpus = (0..<8).map {
            series("\($0)", idle: 0.05, lost: $0 == 3 ? 0.1 : 0, seed: $0 + 3)
        }
        let said = say(gpus, windows(40))[3]
        #expect(said.explained.isEmpty)
        let bound = try #require(said.bounds.first)
        #expect(bound.label == hog && bound.nanoseconds > 0)
        #expect(bound.nanoseconds <= said.idle + 1)
    }

    @Test func whatFollowsTheIdlingDidNotCauseIt() {
        let steps = noise(150, seed: 9).map { $0 > 0.7 ? 0.4 : 0.0 }
        var gpu = series("a", idle: 0.05, count: 150)
        gpu.idle = zip(gpu.idle, steps).map { idle, step in idle.map { $0 + step } }
        func lost(after lag: Int) -> [Double] {
            steps.indices.map { steps.indices.contains($0 - lag) ? 1e9 * steps[$0 - lag] : 0 }
        }
        gpu.doses = [Dose(label: hog, nanoseconds: lost(after: 3))]
        #expect(say([gpu], windows(150))[0].explained.isEmpty)
        gpu.doses = [Dose(label: hog, nanoseconds: lost(after: -3))]
        let found = say([gpu], windows(150))[0].explained.first
        #expect(found?.lag == 3)
        #expect(found?.confidence == .associated)
    }

    // Cost

    /// In a release build 50 ms; tests are not optimised.
    @Test func eightGPUsAndTwentyLabelsTakeAMoment() {
        let gpus = (0..<8).map { place -> GPUSeries in
            var gpu = series("\(place)", idle: 0.1, count: 600, seed: UInt64(place))
            gpu.doses = (0..<20).map { label in
                Dose(
                    label: Label(cause: "\(label)", culprit: "x"),
                    nanoseconds: noise(600, seed: UInt64(place * 20 + label)).map { 3e7 * $0 })
            }
            return gpu
        }
        let spans = windows(600)
        let clock = ContinuousClock()
        let took = clock.measure { _ = say(gpus, spans) }
        print("TOOK", took)
        #expect(took < .seconds(5))
    }
}
