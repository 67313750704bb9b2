import Glibc
import Testing

@testable import Recording

/// Moments as people write them; `now` is 2026-11-23T12:00:00Z.
@Suite struct MomentTests {
    private static let now = 1_795_435_200.0

    private func seconds(_ text: String) -> Double? {
        Moment.seconds(parsing: text, now: Self.now)
    }

    @Test func inUTC() {
        #expect(seconds("2026-11-23T12:00:00Z") == Self.now)
        #expect(seconds("2026-11-23 12:00Z") == Self.now)
        #expect(seconds("1970-01-01T00:00:01Z") == 1)
        #expect(seconds("2024-02-29T00:00Z") == 1_709_164_800)
    }

    @Test func ago() {
        #expect(seconds("-2h") == Self.now - 7_200)
        #expect(seconds("30m") == Self.now - 1_800)
        #expect(seconds("45s") == Self.now - 45)
        #expect(seconds("-1d") == Self.now - 86_400)
    }

    /// What it is depends on the time zone; that it is within a day does not.
    @Test func inLocalTime() throws {
        let clock = try #require(seconds("02:10"))
        #expect(clock <= Self.now && clock > Self.now - 86_400 - 3_600)
        var time = time_t(clock)
        var fields = tm()
        localtime_r(&time, &fields)
        #expect(fields.tm_hour == 2 && fields.tm_min == 10 && fields.tm_sec == 0)
        #expect(seconds("2026-11-23 02:10") == seconds("2026-11-23T02:10:00"))
        let day = try #require(seconds("2026-11-23"))
        #expect(abs(day - Self.now) <= 86_400)
    }

    @Test(arguments: [
        "", "x", "-", "h", "-h", "--2h", "2w", "1e3s", "99999999999h", "2026", "2026-13-01",
        "2026-11-31T00:00:00Z", "2026-02-29T00:00Z", "2026-11-23T24:00Z", "2026-11-23T12:60Z",
        "2026-11-23T12:00:60Z", "2026-11-23Z", "2026-11-23T", "24:00", "2:", ":10", "02:10:00:00",
        "1969-12-31T00:00Z", "2026-11-23T12:00:00+01:00", "٣m", "2026-11-23\n", "2026-11-23  02:10",
    ])
    func nonsense(text: String) {
        #expect(seconds(text) == nil, "\(text)")
    }
}
