import CCrypt
import Glibc

/// A password as `htpasswd -B` writes it. Checked by the C library's crypt.
struct BcryptHash: Equatable, Sendable {
    let text: String
    /// The power of two of the rounds.
    let cost: Int

    /// 14 takes a second or more; Judgement: nobody may wait longer, least of all the CPU.
    static let highestCost = 14

    init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard text.utf8.count == 60, parts.count == 4, parts[0].isEmpty,
            ["2a", "2b", "2y"].contains(parts[1]), parts[2].utf8.count == 2,
            let cost = Int(parts[2]), (4...Self.highestCost).contains(cost),
            parts[3].utf8.allSatisfy(Self.isDigit)
        else { return nil }
        self.text = text
        self.cost = cost
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: ".")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    /// Whether the hash is of `password`, and the CPU seconds that it took to tell. The same work
    /// for every password.
    func check(_ password: [UInt8]) -> (matches: Bool, seconds: Double) {
        let start = threadSeconds()
        let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        defer { data.deallocate() }
        memset(data, 0, MemoryLayout<crypt_data>.size)
        // Bytes behind a NUL would not be looked at.
        let isWhole = !password.contains(0)
        let phrase = (password.filter { $0 != 0 } + [0]).map { CChar(bitPattern: $0) }
        let result = crypt_r(phrase, text, data).map { String(cString: $0) } ?? ""
        let isSame = isEqual(Array(result.utf8), Array(text.utf8))
        return (isSame && isWhole, threadSeconds() - start)
    }
}

/// Takes the same time wherever the two differ.
private func isEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    guard one.count == other.count else { return false }
    return zip(one, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
}

private func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
