import Outputs
import Testing

@Suite struct StateBarTests {
    @Test func cellsAlwaysFillTheBar() {
        var numbers = FixedNumbers(seed: 7)
        for _ in 0..<2000 {
            let amounts = (0..<11).map { _ in
                UInt64.random(
                    in: 0...1 << UInt64.random(in: 0...60, using: &numbers), using: &numbers)
            }
            let width = Int.random(in: 1...60, using: &numbers)
            let cells = barCells(amounts, width: width)
            #expect(cells.reduce(0, +) == (amounts.allSatisfy { $0 == 0 } ? 0 : width))
            #expect(cells.allSatisfy { $0 >= 0 })
        }
    }

    @Test func whatIsOnePercentIsSeen() {
        #expect(barCells([990, 10, 0], width: 17) == [16, 1, 0])
        #expect(barCells([991, 9, 0], width: 17) == [17, 0, 0])
    }

    @Test func nothingMeasuredIsAnEmptyBar() {
        #expect(barCells([0, 0], width: 17) == [0, 0])
        #expect(barCells([1], width: 0) == [0])
    }
}
