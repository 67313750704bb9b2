import Daemon
import Signals
import Testing

struct SlidingWindowTests {
    private func sample(_ second: UInt64, threads: Int = 0) -> Sample {
        var totals = Readings()
        totals[Threads.self] = .success(
            Threads(
                threads: (0..<threads).map {
                    ThreadActivity(tid: Int32($0 + 1), pid: 1, name: "t")
                }))
        return Sample(monotonic: second * 1_000_000_000, totals: totals)
    }

    private func subtract(_ earlier: Sample, _ later: Sample) -> Window {
        Window(from: earlier, to: later, of: [Threads.self])
    }

    @Test func theFirstSampleShowsNothing() {
        var sliding = SlidingWindow(nanoseconds: 10_000_000_000)
        #expect(sliding.add(sample(7), subtract) == nil)
        let view = sliding.add(sample(8), subtract)
        #expect(view?.whole.seconds == 1)
        #expect(view?.steps.count == 1)
    }

    @Test func itReachesBackAsFarAsItShouldAndNoFarther() throws {
        var sliding = SlidingWindow(nanoseconds: 10_000_000_000)
        for second in 1...60 {
            guard let view = sliding.add(sample(UInt64(second)), subtract) else { continue }
            #expect(view.step.seconds == 1)
            #expect(view.whole.seconds == Double(min(second - 1, 10)))
            #expect(view.steps.count == min(second - 1, 10))
            #expect(view.steps.reduce(0) { $0 + $1.seconds } == view.whole.seconds)
        }
        // After a pause (a suspended host) there is still something to compare with.
        let late = sliding.add(sample(1_000), subtract)
        let view = try #require(late)
        #expect(view.step.seconds == 940)
    }

    @Test(
        arguments: [
            (nil, 10), (256 << 20, 10), (48 << 20, 3), (40 << 20, 2), (1 << 20, 2), (0, 2),
        ] as [(UInt64?, UInt64)])
    func littleMemoryLeavesFewerSamples(memory: UInt64?, seconds: UInt64) throws {
        var sliding = SlidingWindow(nanoseconds: 10_000_000_000, memory: memory)
        var last: SlidingWindow.View?
        for second in 1...20 {
            last = sliding.add(sample(UInt64(second), threads: 2_000), subtract)
        }
        #expect(try #require(last).whole.seconds == Double(seconds))
    }

    @Test func aCrowdOfThreadsLeavesFewerSamples() throws {
        var sliding = SlidingWindow(nanoseconds: 10_000_000_000)
        var last: SlidingWindow.View?
        for second in 1...20 {
            last = sliding.add(sample(UInt64(second), threads: 20_000), subtract)
        }
        let view = try #require(last)
        #expect((1...4).contains(view.whole.seconds))
    }
}
