import Host
import Testing

struct PerCPUTests {
    @Test(arguments: [[], [0], [0, 0, 0], [7], [0, 7], [7, 0], [0, 3, 0, 5, 0], [1, 2, 3]])
    func holdsWhatItWasGiven(numbers: [UInt64]) {
        let kept = PerCPU(numbers)
        #expect(Array(kept) == numbers)
        #expect(kept.count == numbers.count)
        #expect(kept.total == numbers.reduce(0, +))
        #expect(kept.used.allSatisfy(numbers.indices.contains))
        #expect(numbers.indices.allSatisfy { numbers[$0] == 0 || kept.used.contains($0) })
    }

    @Test func noughtsAtTheEndsAreNotUsed() {
        #expect(PerCPU([0, 0, 3, 0, 5, 0]).used == 2..<5)
        #expect(PerCPU([0, 0]).used.isEmpty)
    }

    @Test func aNumberCanBeSetAnywhere() {
        var numbers = PerCPU([0, 0, 3, 0, 0])
        numbers[4] = 9
        numbers[0] = 1
        numbers[1] = 0
        #expect(numbers == [1, 0, 3, 0, 9])
        numbers[0] = 0
        numbers[4] = 0
        // What stands where counts, not how it came there.
        #expect(numbers == [0, 0, 3, 0, 0])
        #expect(numbers != [0, 0, 3, 0])
        #expect(numbers != [0, 0, 3, 0, 1])
    }

    @Test func totalsCoverTheCPUsAskedFor() {
        let numbers = PerCPU([0, 10, 0, 30, 40, 0])
        #expect(numbers.total(on: CPUList([])) == 0)
        #expect(numbers.total(on: CPUList([3])) == 30)
        #expect(numbers.total(on: CPUList([0, 1, 2, 3, 5, 400])) == 40)
        #expect(PerCPU([.max, 3]).total == 2)
        #expect(PerCPU([.max, 3]).total(on: CPUList([0, 1, 2])) == 2)
    }

    @Test func addsToSumsThatAreTooShort() {
        var sums: [UInt64] = [1]
        PerCPU([0, 0, 5, 0]).add(to: &sums)
        PerCPU([.max, 2]).add(to: &sums)
        PerCPU([]).add(to: &sums)
        #expect(sums == [0, 2, 5])
    }

    @Test func mappingKeepsThePlaces() {
        let doubled = PerCPU([0, 1, 0, 4, 0]).mapped { cpu, number in
            cpu == 1 ? 0 : 2 * number
        }
        #expect(doubled == [0, 0, 0, 8, 0])
        #expect(doubled.used == 3..<4)
        #expect(PerCPU([0, 5, 0]).mapped { _, _ in 0 } == [0, 0, 0])
    }
}
