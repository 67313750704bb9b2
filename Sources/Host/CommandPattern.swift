import Glibc

/// A POSIX extended regular expression that finds command lines. Without repetition counts and
/// back-references, so that no pattern grows large and none is slower than quadratic.
package struct CommandPattern: Equatable, Sendable {
    package let text: String

    /// bytes. Judgement.
    static let longest = 256

    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.longest, !bytes.contains(0),
            !bytes.contains(UInt8(ascii: "{")), !Self.hasBackReference(bytes)
        else { return nil }
        self.text = text
        guard let compiled = Self.compiled(text) else { return nil }
        Self.release(compiled)
    }

    /// bytes of a command line that are looked at. Judgement: it bounds the time of a search.
    static let farthest = 4096

    /// The positions of those command lines in whose beginning it is found.
    package func positions(in commands: [String]) -> [Int] {
        guard let compiled = Self.compiled(text) else { return [] }
        defer { Self.release(compiled) }
        return commands.indices.filter { index in
            let start = String(decoding: commands[index].utf8.prefix(Self.farthest), as: UTF8.self)
            return regexec(compiled, start, 0, nil, 0) == 0
        }
    }

    private static func compiled(_ text: String) -> UnsafeMutablePointer<regex_t>? {
        let expression = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
        expression.initialize(to: regex_t())
        guard regcomp(expression, text, REG_EXTENDED | REG_NOSUB) == 0 else {
            expression.deallocate()
            return nil
        }
        return expression
    }

    private static func release(_ expression: UnsafeMutablePointer<regex_t>) {
        regfree(expression)
        expression.deallocate()
    }

    private static func hasBackReference(_ bytes: [UInt8]) -> Bool {
        zip(bytes, bytes.dropFirst()).contains { first, second in
            first == UInt8(ascii: "\\") && (UInt8(ascii: "1")...UInt8(ascii: "9")) ~= second
        }
    }
}
