import Correlation
import Foundation
import Testing

/// Simulated jobs whose true loss is known: what is said is true, and nothing else is said.
@Suite struct AccuracyTests {
    /// A diagnosis in windows of 200 ms, one of 30 s in seconds, and a long look.
    #if DEBUG
        static let looks: [(seconds: Double, window: Double)] = [(10, 0.2), (30, 1)]
    #else
        static let looks: [(seconds: Double, window: Double)] = [(10, 0.2), (30, 1), (150, 1)]
    #endif
    /// Simulating takes half a minute optimised, and a hundred times that otherwise.
    #if DEBUG
        static let seeds: ClosedRange<UInt64> = 7...7
    #else
        static let seeds: ClosedRange<UInt64> = 1...20
    #endif

    private func trials(_ scenario: Scenario, _ check: (Trial, String) throws -> Void) rethrows {
        for look in AccuracyTests.looks {
            for seed in AccuracyTests.seeds {
                var plan = scenario.plan
                (plan.seconds, plan.window, plan.seed) = (look.seconds, look.window, seed)
                try check(Trial(plan), "\(scenario.name), \(look.seconds) s, seed \(seed)")
            }
        }
    }

    @Test(arguments: Scenario.hosts) func whatTheHostCostIsSaid(scenario: Scenario) {
        trials(scenario) { trial, name in
            let accuracy = trial.accuracy
            let mayBeMissed = scenario.missedAt.contains(trial.seconds)
            if !(mayBeMissed && accuracy == 0) {
                #expect(scenario.accepted.contains(accuracy), "\(name): \(accuracy)")
                #expect(scenario.labels.contains { $0 == trial.firstCause }, "\(name)")
            }
            #expect(trial.falselySaid == 0, "\(name)")
            #expect(trial.isConsistent, "\(name)")
        }
    }

    @Test(arguments: Scenario.others) func whatIsNotOfTheHostIsNotSaidToBe(scenario: Scenario) {
        trials(scenario) { trial, name in
            #expect(trial.firstCause == nil, "\(name): \(trial.falselySaid)")
            #expect(trial.isConsistent, "\(name)")
            if let rest = scenario.rest {
                #expect(trial.restShare(rest) > 0.7, "\(name): \(trial.restShare(rest))")
            }
        }
    }

    /// The table of docs/correlation.md: STOKER_TABLE=1 prints its rows, least, median and most.
    @Test(
        .enabled(if: ProcessInfo.processInfo.environment["STOKER_TABLE"] != nil),
        arguments: Scenario.hosts)
    func rowOfTheTable(scenario: Scenario) {
        var row = "| \(scenario.name) |"
        for look in AccuracyTests.looks {
            let accuracies = AccuracyTests.seeds.map { seed in
                var plan = scenario.plan
                (plan.seconds, plan.window, plan.seed) = (look.seconds, look.window, seed)
                return Int((100 * Trial(plan).accuracy).rounded())
            }.sorted()
            let middle = accuracies[accuracies.count / 2]
            row += " \(accuracies.first ?? 0) \(middle) \(accuracies.last ?? 0) |"
        }
        print(row)
    }
}
