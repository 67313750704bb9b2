import Host
import Testing

@testable import Accelerators

struct ActivityTests {
    private func sample(_ milliseconds: UInt64, _ percent: Double) -> ActivityIntegral.Sample {
        ActivityIntegral.Sample(microseconds: milliseconds * 1_000, percent: percent)
    }

    @Test func eachSampleStandsForTheTimeSinceTheOneBefore() {
        var integral = ActivityIntegral()
        integral.begin(after: [sample(600, 99), sample(400, 99)])
        #expect(integral.observed == 0)
        // In any order, and none twice.
        let new = [sample(1_000, 50), sample(800, 100), sample(600, 99)]
        let covered1 = integral.add(new)
        #expect(covered1)
        #expect(integral.active == 300_000_000)
        #expect(integral.observed == 400_000_000)
        #expect(integral.source == .samples)
        let covered2 = integral.add(new)
        #expect(!covered2)
        #expect(integral.observed == 400_000_000)
    }

    @Test func aLongSilenceIsNotTheSampleAfterIt() {
        var integral = ActivityIntegral()
        integral.begin(after: [sample(0, 0)])
        let covered3 = integral.add([sample(2_000, 7)])
        #expect(covered3)
        let covered4 = integral.add([sample(4_001, 100)])
        #expect(!covered4)
        #expect(integral.observed == 2_000_000_000)
        let covered5 = integral.add([sample(4_201, 100)])
        #expect(covered5)
        #expect(integral.active == 140_000_000 + 200_000_000)
    }

    @Test func afterARateTheRingBeginsAnew() {
        var integral = ActivityIntegral()
        integral.begin(after: [sample(100, 0)])
        integral.add(percent: 25, over: 1_000_000_000, as: .rate)
        let covered6 = integral.add([sample(1_100, 100)])
        #expect(!covered6)
        #expect(integral.active == 250_000_000)
        #expect(integral.observed == 1_000_000_000)
    }

    @Test func impossibleFiguresAreBounded() {
        var integral = ActivityIntegral()
        integral.add(percent: 250, over: 10, as: .rate)
        integral.add(percent: -3, over: 10, as: .rate)
        integral.add(percent: .nan, over: 10, as: .rate)
        #expect((integral.active, integral.observed) == (10, 20))
        integral.add(percent: 100, over: .max, as: .rate)
        _ = integral.add([sample(.max / 1_000, 5)])
    }

    @Test func countersAreUnwrapped() {
        var narrow = Unwrapped()
        let total7 = narrow.add(4_294_967_290, bits: 32)
        #expect(total7 == 0)
        let total8 = narrow.add(4, bits: 32)
        #expect(total8 == 10)
        let total9 = narrow.add(7, bits: 32)
        #expect(total9 == 13)
        var wide = Unwrapped()
        _ = wide.add(.max, bits: 64)
        // Not a wrap: the driver was loaded anew.
        let total10 = wide.add(5, bits: 64)
        #expect(total10 == 0)
        let total11 = wide.add(9, bits: 64)
        #expect(total11 == 4)
    }

    @Test func limitsAreSummedAsSeen() {
        var limits = GPULimits()
        limits.add(0x4, over: 0, after: 0)
        limits.add(0x44, over: 7, after: 0x4)
        limits.add(0x45, over: 5, after: 0x44)
        limits.add(nil, over: 1_000, after: 0x45)
        limits.add(0x40, over: 3, after: 0)
        #expect(limits.held == [.powerCap: 12, .hardwareThermal: 15])
        #expect(limits.watched == 15)
        #expect(limits.slowdowns == 2)
    }

    @Test func backOffDoublesToItsBound() {
        var backoff = Backoff()
        let waits = (0..<5).map { _ in
            backoff.fail(at: 1_000, (first: 10, most: 50))
            return backoff.until - 1_000
        }
        #expect(waits == [10, 20, 40, 50, 50])
    }
}
