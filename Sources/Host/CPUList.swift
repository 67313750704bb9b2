/// A set of CPU (or node) numbers, read and written as the kernel's cpulist: `0-3,8`.
package struct CPUList: Equatable, Hashable, Sendable, Codable {
    /// Ascending, without repeats.
    package private(set) var cpus: [Int]

    package init(_ cpus: some Sequence<Int>) {
        let list = Array(cpus)
        // Most come in order, and a set of hundreds costs many times as much as looking.
        let isAscending = zip(list, list.dropFirst()).allSatisfy { $0 < $1 }
        self.cpus = isAscending ? list : Set(list).sorted()
    }

    /// Parses `0-3,8`; `nil` on anything else. The empty string is the empty set.
    package init?(parsing text: some StringProtocol) {
        var cpus: [Int] = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
                Int(Substring($0).trimmed)
            }
            guard let first = ends.first, let low = first, let last = ends.last, let high = last,
                ends.count <= 2, low >= 0, low <= high, high < Self.mostCPUs
            else { return nil }
            cpus += Array(low...high)
        }
        self.init(cpus)
    }

    /// Parses the kernel's mask form, `ff` or `1,00000000`; `nil` on anything else.
    package init?(mask text: some StringProtocol) {
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        guard words.count <= Self.mostCPUs / 32 else { return nil }
        var cpus: [Int] = []
        for (index, word) in words.reversed().enumerated() {
            guard word.utf8.count <= 8, word.utf8.first != UInt8(ascii: "+"),
                let bits = UInt32(word, radix: 16)
            else { return nil }
            cpus += (0..<32).filter { bits & (1 << UInt32($0)) != 0 }.map { index * 32 + $0 }
        }
        self.init(cpus)
    }

    /// The kernel's own upper limit on x86 is 8,192 (CONFIG_NR_CPUS with MAXSMP).
    static let mostCPUs = 65_536

    package var isEmpty: Bool { cpus.isEmpty }
    package var count: Int { cpus.count }
    package func contains(_ cpu: Int) -> Bool {
        let index = position(of: cpu)
        return index < cpus.count && cpus[index] == cpu
    }

    package func subtracting(_ other: CPUList) -> CPUList {
        other.isEmpty ? self : CPUList(cpus.filter { !other.contains($0) })
    }

    package func intersection(_ other: CPUList) -> CPUList {
        self == other ? self : CPUList(cpus.filter { other.contains($0) })
    }

    package func union(_ other: CPUList) -> CPUList {
        if other.isEmpty || self == other { return self }
        return isEmpty ? other : CPUList(cpus + other.cpus)
    }

    /// Index of the first number that is not below `cpu`.
    private func position(of cpu: Int) -> Int {
        var (low, high) = (0, cpus.count)
        while low < high {
            let middle = (low + high) / 2
            if cpus[middle] < cpu { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The kernel's list form, such as `0-3,8`.
    package var description: String {
        var parts: [String] = []
        var index = 0
        while index < cpus.count {
            var last = index
            while last + 1 < cpus.count && cpus[last + 1] == cpus[last] + 1 { last += 1 }
            parts.append(last == index ? "\(cpus[index])" : "\(cpus[index])-\(cpus[last])")
            index = last + 1
        }
        return parts.joined(separator: ",")
    }

    /// The kernel's mask form for files that take no list, such as `rps_cpus`: `ff` or `1,00000000`.
    package var mask: String {
        guard let highest = cpus.last else { return "0" }
        var words = [UInt32](repeating: 0, count: highest / 32 + 1)
        for cpu in cpus { words[cpu / 32] |= 1 << UInt32(cpu % 32) }
        let reversed = words.reversed().map { String($0, radix: 16) }
        let rest = reversed.dropFirst().map { String(repeating: "0", count: 8 - $0.count) + $0 }
        return ([reversed[0]] + rest).joined(separator: ",")
    }
}

extension CPUList {
    /// What another program wrote down may be in any order, or no CPUs at all.
    package init(from decoder: any Decoder) throws {
        let cpus = try decoder.container(keyedBy: CodingKeys.self).decode([Int].self, forKey: .cpus)
        guard cpus.allSatisfy({ (0..<Self.mostCPUs).contains($0) }) else {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "CPUs"))
        }
        self.init(cpus)
    }
}
