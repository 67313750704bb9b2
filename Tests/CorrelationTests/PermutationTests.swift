import Correlation
import Testing

/// Tests by permutation find what is there and, as often as they say, what is not.
@Suite struct PermutationTests {
    /// Each value is mostly the one before it, as loads and phases are.
    private func walk(_ count: Int, seed: UInt64) -> [Double] {
        var last = 0.0
        return noise(count, seed: seed).map { step in
            last = 0.8 * last + step - 0.5
            return last
        }
    }

    @Test(arguments: [0, 1, 3, 5, -4]) func findsTheLag(lag: Int) throws {
        var generator = SeededGenerator(seed: 1)
        let dose = walk(150, seed: 2)
        let response = dose.indices.map { dose[($0 - lag + 150) % 150] }
        let noisy = zip(response, noise(150, seed: 3)).map { $0 + 0.3 * $1 }
        let found = try #require(lagSearch(dose: dose, response: noisy, using: &generator))
        #expect(found.lag == lag)
        #expect(found.p < 0.01)
        #expect(found.hasOrder == (abs(lag) >= 2))
    }

    @Test func aResponseThatFallsIsNoDamage() throws {
        var generator = SeededGenerator(seed: 1)
        let dose = walk(150, seed: 2)
        let found = try #require(
            lagSearch(dose: dose, response: dose.map { -$0 }, using: &generator))
        #expect(found.p > 0.05)
    }

    /// 400 pairs that have nothing to do with each other, autocorrelated: p below 0.05 in about 5
    /// of 100. Turning one whole circle finds 13 of 100.
    @Test func unrelatedSeriesAreFoundAsSeldomAsPromised() throws {
        var generator = SeededGenerator(seed: 1)
        var found = 0
        for seed in 0..<400 as Range<UInt64> {
            let one = walk(120, seed: 1_000 + seed)
            let other = walk(120, seed: 9_000 + seed)
            let result = try #require(lagSearch(dose: one, response: other, using: &generator))
            if result.p <= 0.05 { found += 1 }
        }
        #expect(found <= 33, "\(found) of 400; 5 % of 400 is 20, with a spread of 4.4")
    }

    @Test func longSeriesAreTurnedByLot() throws {
        var generator = SeededGenerator(seed: 1)
        let dose = walk(3_001, seed: 2)
        let found = try #require(lagSearch(dose: dose, response: dose, using: &generator))
        #expect(found.lag == 0)
        #expect(abs(found.p - 1.0 / 1_001) < 1e-12)
    }

    @Test func theSameSeedGivesTheSameAnswer() {
        func look() -> LagCorrelation? {
            var generator = SeededGenerator(seed: 11)
            return lagSearch(
                dose: walk(2_000, seed: 1), response: walk(2_000, seed: 2), using: &generator)
        }
        #expect(look() == look())
    }
}
