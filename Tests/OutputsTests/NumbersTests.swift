import Outputs
import Testing

@Suite struct NumbersTests {
    @Test(arguments: [
        (0, "0 %"), (1e-12, "< 0.1 %"), (0.00049, "< 0.1 %"), (0.0005, "0.1 %"),
        (0.0123, "1.2 %"), (0.05, "5 %"), (0.09949, "9.9 %"), (0.0996, "10 %"), (0.314, "31 %"),
        (0.9949, "99 %"), (0.995, "99.5 %"), (0.9995, "99.9 %"), (1, "100 %"), (2.5, "250 %"),
        (-0.25, "-25 %"), (Double.nan, "?"), (Double.infinity, "?"),
    ])
    func sharesNeverRoundToAllOrNothing(share: Double, text: String) {
        #expect(percent(share) == text)
    }

    @Test(arguments: [
        (0, 0, "0"), (-0.001, 2, "0.00"), (0.995, 2, "1.00"), (12_345.678, 1, "12,345.7"),
        (2.5, 0, "3"), (-2.25, 1, "-2.3"), (0.05, 3, "0.050"), (1e20, 2, "1e+20"),
        (-Double.infinity, 1, "?"),
    ])
    func decimalsAreRoundedAndKept(value: Double, decimals: Int, text: String) {
        #expect(fixed(value, decimals) == text)
    }

    @Test(arguments: [
        (0, "0"), (12_345_678, "12,345,678"), (1234.5, "1,235"), (99.96, "100"), (12.34, "12.3"),
        (9.999, "10"), (0.1234, "0.123"), (0.9995, "1"), (0.001234, "0.00123"), (1e-12, "1e-12"),
        (-0.5, "-0.5"), (3, "3"), (1e18, "1e+18"), (Double.nan, "?"),
    ])
    func quantitiesShowThreeDigits(value: Double, text: String) {
        #expect(quantity(value) == text)
    }

    @Test(arguments: [
        (0, "0 ns"), (999, "999 ns"), (1000, "1.0 us"), (999_499, "999 us"), (999_500, "1.0 ms"),
        (1_234_567, "1.2 ms"), (999_999_999, "1.0 s"), (59_940_000_000, "59.9 s"),
        (59_950_000_000, "1 min 0 s"), (3_599_400_000_000, "59 min 59 s"),
        (12_000_000_000_000, "3 h 20 min"), (UInt64.max, "5,124,095 h 34 min"),
    ])
    func timesPickTheirUnitAfterRounding(nanoseconds: UInt64, text: String) {
        #expect(duration(nanoseconds: nanoseconds) == text)
    }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1.0 MiB"),
        (10 << 30, "10 GiB"), (UInt64.max, "16 EiB"),
    ])
    func memoryPicksItsUnitAfterRounding(count: UInt64, text: String) {
        #expect(bytes(count) == text)
    }

    @Test func nounsFollowTheirNumber() {
        #expect(counted(1, "thread") == "1 thread")
        #expect(counted(0, "CPU") == "0 CPUs")
        #expect(counted(1234, "process") == "1,234 processes")
    }

    @Test(arguments: [
        (0.05, "share", "5 %"), (31, "%", "31 %"), (1500, "ns", "1.5 us"), (2500, "us", "2.5 ms"),
        (1_048_576, "bytes", "1.0 MiB"), (-1, "bytes", "-1 bytes"), (12_345, "1/s", "12,345 1/s"),
        (7, "", "7"), (Double.nan, "ns", "?"), (1e30, "ns", "1e+30 ns"),
    ])
    func evidenceIsShownInItsUnit(value: Double, unit: String, text: String) {
        #expect(measure(value, unit: unit) == text)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00"), (951_782_399, "2000-02-28T23:59:59"),
        (951_782_400, "2000-02-29T00:00:00"), (1_767_225_599.9, "2025-12-31T23:59:59"),
        (4_107_542_400, "2100-03-01T00:00:00"), (253_402_300_799, "9999-12-31T23:59:59"),
        (Double.nan, "1970-01-01T00:00:00"), (1e300, "9999-12-31T23:59:59"),
    ])
    func secondsBecomeADate(seconds: Double, text: String) {
        #expect(utcTime(seconds) == text)
    }
}
