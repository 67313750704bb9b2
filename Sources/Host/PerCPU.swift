/// A number for each CPU. A large host has hundreds of CPUs and a thousand interrupts, most of which
/// fire on one of them: noughts before the first other number and after the last take no room.
package struct PerCPU: Sendable {
    /// CPUs that there is a number for, noughts among them.
    package private(set) var count: Int
    /// The CPU of the first number that is kept.
    private var first = 0
    private var kept: [UInt64] = []

    package init(_ numbers: [UInt64]) {
        count = numbers.count
        guard let first = numbers.firstIndex(where: { $0 != 0 }),
            let last = numbers.lastIndex(where: { $0 != 0 })
        else { return }
        self.first = first
        kept = Array(numbers[first...last])
    }

    /// CPUs that may have another number than 0.
    package var used: Range<Int> { first..<first + kept.count }

    /// All together; a sum that is too large wraps.
    package var total: UInt64 {
        var sum: UInt64 = 0
        for index in kept.indices { sum &+= kept[index] }
        return sum
    }

    /// What `cpus` have together.
    package func total(on cpus: CPUList) -> UInt64 {
        if kept.count < cpus.count {
            return used.reduce(0) { cpus.contains($1) ? $0 &+ kept[$1 - first] : $0 }
        }
        return cpus.cpus.reduce(0) { used.contains($1) ? $0 &+ kept[$1 - first] : $0 }
    }

    /// Adds each number to that of the same CPU in `sums`, which grows where it is too short.
    package func add(to sums: inout [UInt64]) {
        if sums.count < used.upperBound {
            sums += [UInt64](repeating: 0, count: used.upperBound - sums.count)
        }
        for index in kept.indices { sums[first + index] &+= kept[index] }
    }

    /// The numbers after `change`, which gets the CPU and its number and leaves noughts as they are.
    package func mapped(_ change: (Int, UInt64) -> UInt64) -> PerCPU {
        var changed = self
        for index in kept.indices where kept[index] != 0 {
            changed.kept[index] = change(first + index, kept[index])
        }
        return changed.trimmed
    }

    private var trimmed: PerCPU {
        guard kept.first == 0 || kept.last == 0 else { return self }
        var rest = PerCPU(kept)
        rest.first += rest.kept.isEmpty ? 0 : first
        rest.count = count
        return rest
    }
}

extension PerCPU: RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral, Equatable {
    package init(arrayLiteral numbers: UInt64...) { self.init(numbers) }

    package var startIndex: Int { 0 }
    package var endIndex: Int { count }

    package subscript(cpu: Int) -> UInt64 {
        get {
            precondition((0..<count).contains(cpu), "no number for this CPU")
            return used.contains(cpu) ? kept[cpu - first] : 0
        }
        set {
            precondition((0..<count).contains(cpu), "no number for this CPU")
            guard !used.contains(cpu) else {
                kept[cpu - first] = newValue
                return
            }
            guard newValue != 0 else { return }
            var all = Array(self)
            all[cpu] = newValue
            self = PerCPU(all)
        }
    }

    package static func == (left: PerCPU, right: PerCPU) -> Bool {
        left.elementsEqual(right)
    }
}

/// As a list of all numbers: how they are kept is nobody's concern.
extension PerCPU: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode([UInt64].self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Array(self))
    }
}
