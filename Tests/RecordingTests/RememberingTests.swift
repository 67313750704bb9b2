import Host
import Machines
import Signals
import Testing
import Training

@testable import Recording

/// A recorder that runs for ever forgets what has ended; who reads the file still sees it.
@Suite struct RememberingTests {
    private static let memory: UInt64 = 10_000_000_000

    /// A thread that ends at tick 20 and is forgotten at tick 31, and a wait behind it.
    private static var entries: [Entry] {
        Series.quiet(60).enumerated().map { tick, entry in
            var entry = entry
            guard case .success(var threads) = entry.sample.totals[Threads.self] else {
                return entry
            }
            if tick < 31 {
                var thread = ThreadActivity(
                    tid: 900, pid: 100, startedAt: 9, name: "pt_data_worker")
                thread.time[.running] = UInt64(min(tick, 20)) * 500_000_000
                thread.time[.sleeping] = UInt64(min(tick, 20)) * 500_000_000
                thread.hasExited = tick >= 20
                threads.threads.append(thread)
                let culprit = Culprit(kind: .process, id: 300, name: "rsync", cgroup: "/x")
                threads.waits = [
                    Wait(tid: 100, culprit: culprit, nanoseconds: UInt64(min(tick, 20)) * 1_000)
                ]
            }
            entry.sample.totals[Threads.self] = .success(threads)
            return entry
        }
    }

    private func threads(_ range: TimeRange, memory: UInt64?) throws -> Threads {
        let room = Room()
        let path = try room.record(Self.entries, .test(memory: memory))
        return try History(path).observation(range).whole(Threads.self)
    }

    @Test func whatEndedMeanwhileIsSeen() throws {
        let seen = try threads(TimeRange(), memory: Self.memory)
        let ended = try #require(seen.threads.first { $0.tid == 900 })
        #expect(ended.hasExited)
        #expect(ended.time[.running] == 10_000_000_000)
        #expect(seen.waits.map(\.nanoseconds) == [20_000])
        #expect(seen.threads.count == 6)
    }

    @Test func whatHadEndedBeforeIsNot() throws {
        let seen = try threads(
            TimeRange(since: Series.start + 25), memory: Self.memory)
        #expect(seen.threads.count == 5)
        #expect(seen.waits.allSatisfy { $0.nanoseconds == 0 })
    }

    /// Who began after the recorder forgot, and who reads no more than it remembers.
    @Test func aShortPartIsAsItWasRead() throws {
        let seen = try threads(
            TimeRange(since: Series.start + 15, until: Series.start + 24), memory: Self.memory)
        let ended = try #require(seen.threads.first { $0.tid == 900 })
        #expect(ended.time[.running] == 3_500_000_000 || ended.time[.running] == 3_000_000_000)
    }
}
