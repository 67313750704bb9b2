/// Entries that belong together, told by a small number that each has: by counting, for sorting
/// thousands of them costs many times as much.
package struct Groups: Sendable {
    /// Places of the entries, group by group; within a group in their own order.
    package let order: [Int]
    private let starts: [Int]

    /// `numbers` of the entries, each of them below `count`. Entries with negative ones are left out.
    package init(_ numbers: [Int], below count: Int) {
        var ends = [Int](repeating: 0, count: count + 1)
        for number in numbers where number >= 0 { ends[number + 1] += 1 }
        for number in 0..<count { ends[number + 1] += ends[number] }
        starts = ends
        var order = [Int](repeating: 0, count: ends[count])
        for (place, number) in numbers.enumerated() where number >= 0 {
            order[ends[number]] = place
            ends[number] += 1
        }
        self.order = order
    }

    /// Where the entries of one group stand in `order`.
    package func range(of number: Int) -> Range<Int> { starts[number]..<starts[number + 1] }
}
