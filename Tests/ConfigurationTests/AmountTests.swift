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
}
