/// One line of numa_maps: a range of addresses that was mapped in one go.
struct MemoryArea {
    /// As the kernel writes it: `default`, `bind:1`, `prefer (many):0-1`.
    private(set) var policy: String
    /// Path of the file that backs it, escapes undone.
    private(set) var file: String?
    /// Its pages come out of a reserved pool.
    private(set) var isHuge = false
    /// Pages by node. In huge areas the kernel counts huge pages, elsewhere always small ones.
    private(set) var pages: [(node: Int, count: UInt64)] = []
    /// Pages that no file backs: all, or copies that were made of a private mapping's pages.
    private(set) var anonymousPages: UInt64 = 0
    private(set) var pageBytes: UInt64 = 0
    private(set) var total: UInt64 = 0

    /// The kernel's own limit (CONFIG_NODES_SHIFT is at most 10).
    private static let mostNodes: UInt64 = 1024
    /// The largest pages that any architecture has are of 16 GiB.
    private static let largestPage: UInt64 = 16 << 30

    /// `nil` when the line is cut off or makes no sense.
    init?(_ text: inout KernelText) {
        guard let address = text.wordBytes(), address.allSatisfy(isHexadecimal),
            let policy = text.word()
        else { return nil }
        self.policy = policy
        while let word = text.wordBytes() {
            guard take(word) else { return nil }
        }
        guard anonymousPages <= total, pages.isEmpty || pageBytes > 0,
            !total.multipliedReportingOverflow(by: pageBytes).overflow
        else { return nil }
    }

    private mutating func take(_ word: ArraySlice<UInt8>) -> Bool {
        if let name = word.after("file=") {
            file = KernelText.unescaped(String(decoding: name, as: UTF8.self))
        } else if word.elementsEqual("huge".utf8) {
            isHuge = true
        } else if let digits = word.after("anon=") {
            guard let count = digits.decimal else { return false }
            anonymousPages = count
        } else if let digits = word.after("kernelpagesize_kB=") {
            guard let kilobytes = digits.decimal, kilobytes <= Self.largestPage / 1024,
                kilobytes.nonzeroBitCount == 1
            else { return false }
            pageBytes = kilobytes * 1024
        } else if word.first == UInt8(ascii: "N"), let equals = word.firstIndex(of: equalsSign) {
            return take(node: word[..<equals].dropFirst(), count: word[(equals + 1)...])
        } else if word.first == UInt8(ascii: "(") || policy == "weighted" {
            // The policies of two words: `prefer (many)`, `weighted interleave`.
            policy += " " + String(decoding: word, as: UTF8.self)
        }
        return true
    }

    private mutating func take(node: ArraySlice<UInt8>, count: ArraySlice<UInt8>) -> Bool {
        guard let node = node.decimal, node < Self.mostNodes, let count = count.decimal else {
            return false
        }
        let (sum, overflows) = total.addingReportingOverflow(count)
        guard !overflows else { return false }
        total = sum
        pages.append((Int(node), count))
        return true
    }

    /// Of `count` pages on one node, those that no file backs. The kernel tells them for the
    /// whole area only, so each node gets its part.
    func anonymousPart(of count: UInt64) -> UInt64 {
        guard file != nil else { return count }
        guard total > 0 else { return 0 }
        return total.dividingFullWidth(count.multipliedFullWidth(by: anonymousPages)).quotient
    }
}

private let equalsSign = UInt8(ascii: "=")

private func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
    default: false
    }
}

extension ArraySlice<UInt8> {
    /// What follows `prefix`; `nil` when it does not begin with it.
    fileprivate func after(_ prefix: String) -> Self? {
        starts(with: prefix.utf8) ? dropFirst(prefix.utf8.count) : nil
    }

    /// The decimal number that these bytes are.
    fileprivate var decimal: UInt64? {
        guard !isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in self {
            let digit = byte &- UInt8(ascii: "0")
            let (tens, isTooMany) = value.multipliedReportingOverflow(by: 10)
            let (sum, isTooLarge) = tens.addingReportingOverflow(UInt64(digit))
            guard digit <= 9, !isTooMany, !isTooLarge else { return nil }
            value = sum
        }
        return value
    }
}
