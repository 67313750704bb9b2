import Daemon
import Signals
import Testing

struct OverheadBudgetTests {
    /// Ticks until something is decided.
    private func decide(
        _ budget: inout OverheadBudget, share: Double, _ costs: [Luxury: Double] = [:],
        within ticks: Int = 500
    ) -> OverheadBudget.Decision? {
        for _ in 0..<ticks {
            let decision = budget.judge(share: share, costs: costs)
            if decision != .none { return decision }
        }
        return nil
    }

    @Test func nothingHappensBelowTheBudget() {
        var budget = OverheadBudget(ratio: 0.005)
        #expect(decide(&budget, share: 0.0049, [.steps: 0.004]) == nil)
        #expect(budget.leftOut.isEmpty)
    }

    @Test func theDearestGoesFirstAndTheLedgerNever() {
        var budget = OverheadBudget(ratio: 0.005)
        let costs: [Luxury: Double] = [.probe(.softirqs): 0.003, .probe(.vectors): 0.004]
        #expect(decide(&budget, share: 0.0051, costs) == .leaveOut(.probe(.vectors)))
        #expect(decide(&budget, share: 0.0051, costs) == .leaveOut(.probe(.softirqs)))
        while decide(&budget, share: 0.01, costs) != nil {}
        #expect(Set(budget.leftOut.map(\.luxury)) == Set(Luxury.allCases))
        #expect(budget.isExhausted)
    }

    @Test func oneDearTickIsForgiven() {
        var budget = OverheadBudget(ratio: 0.005)
        #expect(decide(&budget, share: 0.001) == nil)
        #expect(budget.judge(share: 0.03, costs: [:]) == .none)
        #expect(decide(&budget, share: 0.001) == nil)
    }

    @Test func whatWasLeftOutComesBackOnlyWhenThereIsRoomForIt() {
        var budget = OverheadBudget(ratio: 0.005)
        let costs: [Luxury: Double] = [.probe(.vectors): 0.003]
        #expect(decide(&budget, share: 0.006, costs) == .leaveOut(.probe(.vectors)))
        #expect(decide(&budget, share: 0.003, costs) == nil)
        #expect(decide(&budget, share: 0.0009, costs) == .takeIn(.probe(.vectors)))
        #expect(budget.leftOut.isEmpty)
    }
}
