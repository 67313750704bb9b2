/// Some thread numbers that are looked for among very many: most of the others are told apart by six
/// bits of them, at a tenth of the cost of a set.
package struct ThreadNumbers: Sendable {
    private let tids: Set<Int32>
    private let bits: UInt64

    package init(_ tids: [Int32]) {
        self.tids = Set(tids)
        bits = self.tids.reduce(0) { $0 | Self.bit($1) }
    }

    package func contains(_ tid: Int32) -> Bool {
        bits & Self.bit(tid) != 0 && tids.contains(tid)
    }

    private static func bit(_ tid: Int32) -> UInt64 { 1 << UInt64(truncatingIfNeeded: tid & 63) }
}
