import Glibc
import Host
import Machines
import Testing

@testable import Signals

/// What files of /proc tell of threads that a look finds runnable.
struct SchedstatTests {
    private let looks: UInt64 = 4
    private let pid: Int32 = 42

    /// The thread's time after a few looks, each of which finds it in this state, as one that went
    /// to sleep `sleeps` times since the last look and has a figure for none of its time.
    private func time(state: Character, sleeps: UInt64) throws -> StateTimes {
        let tree = Tree()
        let stat = "\(pid) (train) \(state) 1 42 42 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0"
        try tree.write("/proc/\(pid)/task/\(pid)/stat", stat)
        try tree.write("/proc/\(pid)/stat", stat)
        try tree.write("/proc/\(pid)/task/\(pid)/schedstat", "7000000 5000000 3")
        let source = Source(
            host: tree.host, facts: HostFacts(), watch: Watch(pids: [pid]), probes: false)
        let read = try Threads.open(on: source)
        for look in 0..<looks {
            try tree.write(
                "/proc/\(pid)/task/\(pid)/status",
                "Name:\ttrain\nvoluntary_ctxt_switches:\t\(9 + look * sleeps)\n")
            usleep(20_000)
            source.look()
        }
        return try #require(try read().threads.first { $0.tid == pid }).time
    }

    @Test func aThreadThatNeverSleptWaits() throws {
        let time = try time(state: "R", sleeps: 0)
        #expect(time[.sleeping] < time.total / 2)
        #expect(time[.waiting] >= 15_000_000)
        #expect(time.total >= (looks - 1) * 20_000_000)
    }

    @Test func aThreadThatJustWokeHasSlept() throws {
        let time = try time(state: "R", sleeps: 1)
        #expect(time[.waiting] == 0)
        #expect(time[.sleeping] >= (looks - 2) * 20_000_000)
    }

    @Test(arguments: [Character("S"), "D"])
    func othersAreChargedToTheStateSeen(letter: Character) throws {
        let time = try time(state: letter, sleeps: 0)
        #expect(time[letter == "D" ? .blocked : .sleeping] == time.total)
        #expect(time.total >= looks * 20_000_000)
    }
}
