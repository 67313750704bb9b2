import Correlation
import Testing

/// The figures of scipy, within what rounding leaves.
@Suite struct StatisticsTests {
    @Test(arguments: Reference.cases.map(\.name)) func agreesWithScipy(name: String) throws {
        let reference = try #require(Reference.cases.first { $0.name == name })
        #expect(ranks(reference.x) == reference.ranksOfX)
        let correlation = try #require(spearman(reference.x, reference.y))
        #expect(abs(correlation - reference.spearman) < 1e-9)
        var generator = SeededGenerator(seed: 7)
        let line = try #require(
            theilSen(dose: reference.x, response: reference.y, using: &generator))
        #expect(abs(line.slope - reference.slope) < 1e-6)
        #expect(abs(line.intercept - reference.intercept) < 1e-6)
        #expect(line.interval.contains(line.slope))
    }

    /// Another method (scipy counts ranks), but much the same interval where points are many.
    @Test(arguments: ["plain", "outliers"]) func intervalsAreAboutThoseOfScipy(name: String) throws
    {
        let reference = try #require(Reference.cases.first { $0.name == name })
        var generator = SeededGenerator(seed: 7)
        let line = try #require(
            theilSen(dose: reference.x, response: reference.y, using: &generator))
        let width = reference.highSlope - reference.lowSlope
        #expect(abs(line.interval.lowerBound - reference.lowSlope) < 0.5 * width)
        #expect(abs(line.interval.upperBound - reference.highSlope) < 0.5 * width)
    }

    @Test func falseDiscoveryControlAgreesWithScipy() throws {
        let adjusted = try #require(benjaminiHochberg(Reference.p))
        #expect(adjusted.count == Reference.adjusted.count)
        for (ours, theirs) in zip(adjusted, Reference.adjusted) {
            #expect(abs(ours - theirs) < 1e-9)
        }
    }

    @Test func tailsOfStudentsDistributionAgreeWithScipy() {
        for (t, degrees, p) in Reference.tails {
            #expect(abs(studentTail(t, degrees: degrees) - p) < 1e-9)
        }
        #expect(studentTail(.nan, degrees: 4) == 0.5)
        #expect(studentTail(.infinity, degrees: .min) == 0)
        #expect(studentTail(1e300, degrees: .max) < 1e-9)
    }

    @Test func theMiddleOfAnOddAndAnEvenNumber() {
        #expect(median([7, 1, 3]) == 3)
        #expect(median([7, 1, 3, 4]) == 3.5)
        #expect(median([2, 2, 2, 2]) == 2)
        #expect(median([]) == nil)
    }

    // What cannot be answered

    static let odd: [[Double]] = [
        [], [1], [1, 2], [.nan, 1, 2, 3, 4, 5], [.infinity, 1, 2, 3, 4, 5],
        [Double](repeating: 3, count: 40), (0..<30).map { $0 == 9 ? .nan : Double($0) },
        [.greatestFiniteMagnitude, -.greatestFiniteMagnitude],
    ]

    @Test(arguments: odd) func whatCannotBeAnsweredIsNil(series: [Double]) {
        var generator = SeededGenerator(seed: 1)
        let rising = series.indices.map { Double($0) }
        #expect(spearman(series, rising) == nil)
        #expect(spearman(rising, series) == nil)
        #expect(theilSen(dose: series, response: rising, using: &generator) == nil)
        #expect(lagSearch(dose: series, response: rising, using: &generator) == nil)
        #expect(lagSearch(dose: rising, response: series, using: &generator) == nil)
        if series.contains(where: { !$0.isFinite }) || series.count < 6 {
            #expect(contrast(series, isOn: series.indices.map { $0 < 3 }) == nil)
        }
        if series.isEmpty || series.contains(where: { !$0.isFinite }) {
            #expect(ranks(series) == nil)
            #expect(median(series) == nil)
        }
    }

    @Test func seriesOfDifferentLengthHaveNoRelation() {
        var generator = SeededGenerator(seed: 1)
        let long = (0..<50).map(Double.init)
        #expect(spearman(long, Array(long.dropLast())) == nil)
        #expect(
            theilSen(dose: long, response: Array(long.dropLast()), using: &generator) == nil)
        #expect(
            lagSearch(dose: long, response: Array(long.dropLast()), using: &generator) == nil)
        #expect(contrast(long, isOn: [true]) == nil)
    }

    @Test func whatIsNoProbabilityHasNoDiscoveries() {
        #expect(benjaminiHochberg([0.5, .nan]) == nil)
        #expect(benjaminiHochberg([0.5, -0.1]) == nil)
        #expect(benjaminiHochberg([1.01]) == nil)
        #expect(benjaminiHochberg([]) == [])
    }

    @Test func oddParametersAreNil() {
        var generator = SeededGenerator(seed: 1)
        let x = noise(60, seed: 3)
        for lags in [-1, 12, Int.max, Int.min] {
            #expect(lagSearch(dose: x, response: x, lags: lags, using: &generator) == nil)
        }
        #expect(theilSen(dose: x, response: x, block: 61, using: &generator) == nil)
        #expect(theilSen(dose: x, response: x, block: 0, using: &generator) == nil)
    }

    // Contrasts

    @Test func neighboursThatAreAlikeAreWorthLess() throws {
        let alone = noise(60, seed: 6)
        let alike = alone.flatMap { [$0, $0, $0, $0] }
        let one = try #require(meanWithError(alone)).standardError
        let four = try #require(meanWithError(alike)).standardError
        #expect(four > 0.8 * one && four < 1.3 * one)
    }
}

/// Values of 0 to 1 that have nothing to do with one another.
func noise(_ count: Int, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Double.random(in: 0..<1, using: &generator) }
}
