import Host
import Signals
import Testing
import Training

@testable import Recording

/// Every field of every recorded type comes back, and none changes without notice.
@Suite struct FormatTests {
    /// All that a row holds.
    private static var types: [any (Codable & Equatable).Type] {
        [HostFacts.self, Job.self] + allSignals
    }

    private func comesBack<Value: Codable & Equatable>(_ type: Value.Type) throws -> [String] {
        let (value, fields) = try Filling.value(type)
        let writer = WordWriter()
        let words = try writer.words(of: value, recycled: Words())
        let again = try WordReader.value(
            type, of: words, texts: Array(writer.takeNewTexts()))
        #expect(again == value)
        #expect(!fields.isEmpty)
        return fields
    }

    @Test func everyFieldComesBack() throws {
        for type in Self.types { _ = try comesBack(type) }
    }

    /// The format that this version reads, and the sum of all fields that it has.
    private static let known: (format: Int64, sum: UInt64) = (3, 10_497_392_089_779_729_916)

    /// Rows name no fields: what is read must have been written with the very same types.
    @Test func aChangedTypeRaisesTheFormat() throws {
        let fields = try Self.types.flatMap { try comesBack($0) }
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in fields.joined(separator: "\n").utf8 {
            sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        #expect(
            Segment.format == Self.known.format && sum == Self.known.sum,
            "a recorded type changed: raise Segment.format, and note it here with the sum \(sum)")
    }

    @Test func aCutValueIsRefused() throws {
        let (value, _) = try Filling.value(Threads.self)
        let writer = WordWriter()
        let whole = try writer.words(of: value, recycled: Words())
        let texts = Array(writer.takeNewTexts())
        for length in 0..<whole.words.count {
            var cut = Words()
            cut.addChunk(whole.words[..<length])
            #expect(throws: Corruption.self) {
                try WordReader.value(Threads.self, of: cut, texts: texts)
            }
        }
        var longer = whole
        longer.append(0)
        #expect(throws: Corruption.self) {
            try WordReader.value(Threads.self, of: longer, texts: texts)
        }
    }

    @Test(arguments: [UInt64.max, UInt64.max / 2, 1 << 40, 9_999])
    func absurdNumbersAreRefusedOrRead(number: UInt64) throws {
        let (value, _) = try Filling.value(Job.self)
        let writer = WordWriter()
        let whole = try writer.words(of: value, recycled: Words())
        let texts = Array(writer.takeNewTexts())
        for index in whole.words.indices {
            var changed = whole
            changed.change(index, by: number &- whole.words[index])
            _ = try? WordReader.value(Job.self, of: changed, texts: texts)
        }
    }
}
