import Testing

@testable import Configuration

@Suite struct AmountTests {
    @Test func timesReadAndWriteTheSame() {
        #expect(nanoseconds("500ms") == 500_000_000)
        #expect(nanoseconds("30s") == 30_000_000_000)
        #expect(nanoseconds("10m") == 600_000_000_000)
        #expect(nanoseconds("2h") == 7_200_000_000_000)
        for text in ["1ms", "999ms", "1s", "90s", "1m", "59m", "1h", "25h"] {
            #expect(nanoseconds(text).map(spanText) == text)
        }
        #expect(spanText(60_000_000_000) == "1m")
        for text in [
            "", "s", "5", "-1s", "+1s", "1.5s", "1 s", "1d", "0x1s", "18446744073709551615h",
        ] {
            #expect(nanoseconds(text) == nil, "\(text)")
        }
    }

    @Test func sizesReadAndWriteTheSame() {
        #expect(byteCount("512MB") == 512_000_000)
        #expect(byteCount("64MiB") == 67_108_864)
        #expect(byteCount("7B") == 7)
        for text in ["1KB", "512MB", "64MiB", "3GiB", "1TB", "7B"] {
            #expect(byteCount(text).map(sizeText) == text)
        }
        for text in ["", "MB", "5", "5M", "-1MB", "1.5GB", "99999999999999TB"] {
            #expect(byteCount(text) == nil, "\(text)")
        }
    }

    @Test func sharesReadAndWriteTheSame() {
        #expect(ratio("0.5%") == 0.005)
        #expect(ratio("0.005") == 0.005)
        #expect(ratio("100%") == 1)
        for share in [0.005, 0.0001, 0.01, 1, 0.33, 1.0 / 3] {
            #expect(ratio(ratioText(share)) == share)
        }
        for text in ["", "%", ".", "nan", "inf", "-1%", "1e3", "0x1p3", "1,5", "1..2", "++1"] {
            #expect(ratio(text) == nil, "\(text)")
        }
    }

    @Test func addressesAreNumbers() {
        for text in ["127.0.0.1:9941", "0.0.0.0:1", "[::1]:9941", "[::]:0", "[fe80::1]:65535"] {
            #expect(ListenAddress(text)?.description == text)
        }
        for text in [
            "", ":", "9941", ":9941", "localhost:9941", "127.0.0.1", "127.0.0.1:65536", "::1:9941",
            "[::1]", "[]:1", "1.2.3:4", "127.0.0.1:-1", "127.0.0.1: 1", "127.0.0.1\0:1",
            "[127.0.0.1]:1", "[fe80::1%eth0]:1",
        ] {
            #expect(ListenAddress(text) == nil, "\(text)")
        }
        #expect(ListenAddress("127.5.5.5:1")?.isLoopback == true)
        #expect(ListenAddress("[::]:1")?.isLoopback == false)
    }

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
