import Testing

@testable import Host

@Suite struct CommandPatternTests {
    @Test func patternsFindCommandLines() throws {
        let pattern = try #require(CommandPattern("torchrun|python3? .*train\\.py$"))
        let commands = [
            "bash", "/opt/torchrun x", "python3 -u train.py", "python train.py --x", "",
        ]
        #expect(pattern.positions(in: commands) == [1, 2])
    }

    @Test func patternsThatCouldHurtAreRefused() {
        for text in [
            "", "(", "[", "a{1000}", "((a{255}){255}){255}", "(a)\\1", "a\0b",
            String(repeating: "a", count: 257), "*a(",
        ] {
            #expect(CommandPattern(text) == nil, "\(text.prefix(20))")
        }
        #expect(CommandPattern(String(repeating: "(a|b)*", count: 42)) != nil)
    }

    @Test func noCommandLineMakesAPatternSlow() throws {
        let pattern = try #require(CommandPattern("(a+)+(a|aa)*b$"))
        let command = String(repeating: "a", count: 100_000) + "c"
        let time = ContinuousClock().measure { _ = pattern.positions(in: [command]) }
        #expect(time < .seconds(1))
    }
}
