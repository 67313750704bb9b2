/// A value as 64-bit words: numbers as they are, texts by their place in a table, lists after their
/// length, what may be missing after a 0 or 1. Who reads it knows the type.
struct Words: Equatable {
    private(set) var words: [UInt64] = []
    /// Where its chunks begin: each element of an outermost list is one, and what is in between.
    private(set) var starts: [Int] = []

    init() {}

    var chunks: Int { starts.count }

    func chunk(_ index: Int) -> Range<Int> {
        let next = index + 1
        return starts[index]..<(next < starts.count ? starts[next] : words.count)
    }

    mutating func append(_ word: UInt64) { words.append(word) }
    mutating func append(contentsOf more: [UInt64]) { words.append(contentsOf: more) }
    mutating func beginChunk() {
        if starts.last != words.count { starts.append(words.count) }
    }
    mutating func addChunk(_ chunk: ArraySlice<UInt64>) {
        starts.append(words.count)
        words.append(contentsOf: chunk)
    }
    mutating func change(_ index: Int, by amount: UInt64) { words[index] &+= amount }
    mutating func removeLast() -> UInt64? { words.popLast() }
    mutating func clear() {
        words.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
    }
}

/// Texts by number. The same text has the same number until the table is begun anew.
struct Texts {
    private(set) var all: [String] = []
    private var numbers: [String: UInt64] = [:]
    /// Texts that have been written down already.
    private(set) var written = 0

    mutating func number(of text: String) -> UInt64 {
        if let number = numbers[text] { return number }
        let number = UInt64(all.count)
        all.append(text)
        numbers[text] = number
        return number
    }

    /// Texts that have come since this was last asked.
    mutating func takeNew() -> ArraySlice<String> {
        defer { written = all.count }
        return all[written...]
    }
}
