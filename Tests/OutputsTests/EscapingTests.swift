import Foundation
import Outputs
import Rules
import Testing

@Suite struct EscapingTests {
    @Test func nothingThatATerminalObeysIsLeft() {
        for text in hostileTexts(5000) {
            for ascii in [false, true] {
                let safe = terminalSafe(text, limit: 40, ascii: ascii)
                #expect(harmful(in: safe).isEmpty, "\(Array(text.utf8))")
                #expect(width(of: safe) <= 40)
                #expect(!ascii || safe.utf8.allSatisfy { $0 < 0x80 })
            }
        }
    }

    @Test func escapesAreVisible() {
        #expect(terminalSafe("a\u{1b}[31mb\n") == "a\\x1b[31mb\\x0a")
        #expect(terminalSafe("\u{85}\u{9b}") == "\\x85\\x9b")
        #expect(terminalSafe("py\u{202e}nohtyp\u{2069}") == "py\\u{202e}nohtyp\\u{2069}")
        #expect(terminalSafe("größe 模型") == "größe 模型")
        #expect(terminalSafe("ö", ascii: true) == "\\xf6")
    }

    @Test func longNamesAreCutToTheirColumns() {
        #expect(terminalSafe("12345", limit: 5) == "12345")
        #expect(terminalSafe("123456", limit: 5) == "1234…")
        #expect(terminalSafe("123456", limit: 5, ascii: true) == "12...")
        #expect(terminalSafe("模型模型", limit: 5) == "模型…")
        let marks = "a" + String(repeating: "\u{301}", count: 10_000)
        #expect(terminalSafe(marks, limit: 8).unicodeScalars.count <= 8)
    }

    @Test func jsonStringsAreReadBackAsTheyWere() throws {
        for text in hostileTexts(5000) {
            let json = JSON.string(text).compact
            #expect(harmful(in: json).isEmpty)
            let back = try JSONDecoder().decode(String.self, from: Data(json.utf8))
            #expect(Array(back.utf8) == Array(text.utf8))
        }
    }

    @Test func bashReadsQuotedWordsBack() throws {
        let words = hostileTexts(2000).map { $0.replacing("\0", with: "?") }
        let quoted = words.map { shellWord($0) }
        #expect(quoted.allSatisfy { harmful(in: $0).isEmpty })
        let script = quoted.map { "printf '%s\\0' \($0)\n" }.joined()
        #expect(try bash(script) == words.map { Array($0.utf8) + [0] }.flatMap { $0 })
    }

    private func bash(_ script: String) throws -> [UInt8] {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).sh")
        try Data(script.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = ["--norc", file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        return Array(output.fileHandleForReading.readDataToEndOfFile())
    }
}
