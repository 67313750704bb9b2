import Testing

@testable import Service

@Suite struct LogTests {
    private let plain = LogStyle(isJSON: false, isJournal: false)
    private let facts = [("file", "/etc/stoker/config.yaml"), ("why", "a \"b\"\nc"), ("none", "")]

    @Test func aLineHasTimeUrgencyAndFacts() {
        #expect(
            plain.line(.warning, "kept the old configuration", facts, time: 1_767_225_600)
                == "2026-01-01T00:00:00Z warning kept the old configuration"
                + " file=/etc/stoker/config.yaml why=\"a \\\"b\\\"\\nc\" none=\"\"\n")
    }

    @Test func theJournalGetsANumberInstead() {
        let style = LogStyle(isJSON: false, isJournal: true)
        #expect(style.line(.error, "x", time: 0) == "<3>x\n")
        #expect(style.line(.warning, "x", time: 0) == "<4>x\n")
        #expect(style.line(.info, "x", time: 0) == "<6>x\n")
        #expect(style.line(.debug, "x", time: 0) == "<7>x\n")
    }

    @Test func jsonIsOneObjectALine() {
        let style = LogStyle(isJSON: true, isJournal: false)
        #expect(
            style.line(.info, "a\n\"b\"", [("k", "v")], time: 0)
                == #"{"time": "1970-01-01T00:00:00Z", "level": "info", "message": "a\n\"b\"","#
                + #" "k": "v"}"# + "\n")
    }

    @Test func noNameBreaksALine() {
        for style in [plain, LogStyle(isJSON: true, isJournal: true)] {
            let bad = "a\n<0>b\u{1b}[2J\u{202e}\u{9b}"
            let line = style.line(.info, bad, [(bad, bad)], time: 0)
            #expect(line.split(separator: "\n").count == 1 && line.hasSuffix("\n"))
            #expect(
                line.dropLast().unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f })
        }
    }

    @Test func whatIsNotUrgentEnoughIsLeftOut() {
        var log = Log(least: .warning, style: plain)
        #expect(log.lines(.info, "x", [], time: 0, monotonic: 0).isEmpty)
        #expect(!log.lines(.warning, "x", [], time: 0, monotonic: 0).isEmpty)
        #expect(!log.lines(.error, "y", [], time: 0, monotonic: 0).isEmpty)
    }

    @Test func repeatsAreHeldBackAndCounted() {
        var log = Log(least: .info, style: plain)
        func write(_ message: String, at time: Double) -> String {
            log.lines(.warning, message, [], time: 0, monotonic: time)
        }
        let written = (0..<100).filter { !write("disk full", at: Double($0) / 10).isEmpty }
        #expect(written == [0, 1, 2, 3, 4])
        #expect(!write("something else", at: 11).isEmpty)
        #expect(write("disk full", at: 59.9).isEmpty)
        #expect(write("disk full", at: 60).hasSuffix("disk full repeated=96\n"))
        #expect(write("disk full", at: 61).hasSuffix("disk full\n"))
    }

    @Test func differentMessagesDoNotPileUp() {
        var repeats = Repeats()
        for index in 0..<10_000 {
            #expect(repeats.admit("message \(index)", at: 0) == 0)
        }
        #expect(repeats.count <= Repeats.most)
    }

    @Test func theJournalIsKnownByItsInode() {
        #expect(!isJournal(2, stream: nil))
        #expect(!isJournal(2, stream: "0:0"))
        #expect(!isJournal(-1, stream: "1:2"))
    }
}
