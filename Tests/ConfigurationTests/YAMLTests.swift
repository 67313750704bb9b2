import Testing

@testable import Configuration

@Suite struct YAMLTests {
    private func read(_ text: String) throws(YAMLError) -> YAMLNode? { try yaml(Array(text.utf8)) }

    private func reason(_ bytes: [UInt8]) -> YAMLError? {
        do throws(YAMLError) {
            _ = try yaml(bytes)
            return nil
        } catch { return error }
    }

    private func reason(_ text: String) -> YAMLError? { reason(Array(text.utf8)) }

    @Test func everyValueKnowsItsPlace() throws {
        let root = try #require(try read("# top\nhistory:\n  size: '1GB'\nlisten: [a, b]\n"))
        guard case .mapping(let entries) = root.content else { throw WrongKind() }
        #expect(entries.map(\.key) == ["history", "listen"])
        #expect(entries.map(\.place) == [Place(line: 2, column: 1), Place(line: 4, column: 1)])
        guard case .mapping(let inner) = entries[0].value.content else { throw WrongKind() }
        #expect(
            inner[0].value == YAMLNode(.scalar("1GB", isPlain: false), Place(line: 3, column: 9)))
        guard case .list(let items) = entries[1].value.content else { throw WrongKind() }
        #expect(items.map(\.scalar) == ["a", "b"])
    }

    @Test func nothingButCommentsIsNoDocument() throws {
        for text in ["", "\n", "# only this\n", "---\n", "~", "null\n", "--- # x\n...\n"] {
            #expect(try read(text) == nil, "\(text)")
        }
    }

    @Test func aByteOrderMarkIsSkipped() throws {
        #expect(try read("\u{feff}tick: 1s\n") != nil)
    }

    @Test func whatCouldGrowOrChangeMeaningIsRefused() {
        #expect(reason("a: &x 1")?.reason == .anchor)
        #expect(reason("a: *x")?.reason == .alias)
        #expect(reason("a: !!str 1")?.reason == .tag)
        #expect(reason("a: !x [1]")?.reason == .tag)
        #expect(reason("a: 1\n---\nb: 2")?.reason == .severalDocuments)
        #expect(reason("a: 1\n---\nb: 2")?.place == Place(line: 2, column: 1))
        #expect(reason("? [a]\n: 1")?.reason == .keyIsNoWord)
        #expect(reason("a: 1\nb: 2\na: 3")?.reason == .duplicateKey("a", firstLine: 1))
        #expect(reason("a: 1\nb: 2\na: 3")?.place == Place(line: 3, column: 1))
    }

    @Test func theBombDoesNotGoOff() {
        var text = "a: &a [x,x,x,x,x,x,x,x,x]\n"
        for (one, next) in zip("abcdefgh", "bcdefghi") {
            text += "\(next): &\(next) [*\(one),*\(one),*\(one),*\(one),*\(one)]\n"
        }
        #expect(reason(text)?.reason == .anchor)
    }

    @Test func limitsHoldAtTheEdge() {
        let limits = YAMLLimits()
        let deep = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
        #expect(reason(deep(limits.depth)) == nil)
        #expect(reason(deep(limits.depth + 1))?.reason == .tooDeep(limit: limits.depth))
        let long = { "[" + String(repeating: "x,", count: $0) + "]" }
        #expect(reason(long(limits.values - 1)) == nil)
        #expect(reason(long(limits.values))?.reason == .tooMany(limit: limits.values))
        let comment = { [UInt8](repeating: UInt8(ascii: "#"), count: $0) }
        #expect(reason(comment(limits.bytes)) == nil)
        #expect(reason(comment(limits.bytes + 1))?.reason == .tooLarge(limit: limits.bytes))
        #expect(reason(comment(10 << 20))?.reason == .tooLarge(limit: limits.bytes))
    }

    @Test func onlyUTF8IsRead() {
        #expect(reason(Array("a: 1\nb: ".utf8) + [0xff])?.reason == .notUTF8)
        #expect(
            reason(Array("a: 1\nb: ".utf8) + [0xff])?.place == Place(line: 2, column: 4))
        #expect(reason([0xff, 0xfe, 0x61, 0x00])?.reason == .notUTF8)
        #expect(reason([0x61, 0x3a, 0x20, 0xed, 0xa0, 0x80])?.reason == .notUTF8)
        #expect(reason("a: \u{7}")?.reason == .notUTF8)
        #expect(reason("a: \0")?.reason == .notUTF8)
    }

    @Test func brokenTextNamesItsPlace() {
        let error = reason("tick: 1s\nlisten: [a, b\nwindow: 3s\n")
        guard case .syntax = error?.reason else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect((error?.place?.line).map { $0 >= 2 } == true)
        #expect(reason("\tx: 1")?.place == Place(line: 1, column: 1))
    }

    /// Files of the largest size that are all of one sign: each ends soon, whatever it says.
    @Test func noSignMakesItSlow() {
        for piece in [
            "[", "{", "- ", "? ", "a: ", "&a ", "*", "!", "|", ">", "'", "\"", "%", "\t",
            "\n", ",", ":", "-\n", "a\n", "{a: ", "[a,", "# ", "--- ", "\\", "? a\n", "\u{85}",
        ] {
            let count = YAMLLimits().bytes / piece.utf8.count
            let bytes = Array(String(repeating: piece, count: count).utf8)
            let time = ContinuousClock().measure { _ = reason(bytes) }
            #expect(time < .seconds(5), "\(piece.debugDescription) takes \(time)")
        }
    }
}

private struct WrongKind: Error {}
