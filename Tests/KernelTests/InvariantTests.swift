import CRecords
import Glibc
import Host
import Testing

@testable import Signals

extension Kernel {
    /// The ledger's promise under load: states add up to wall time, and nothing is lost in silence.
    @Suite(.probes) struct InvariantTests {
        @Test func statesAddUpToWallTimeUnderLoad() throws {
            let crowd = try Load("crowd", "2003")
            let stress = try Load(running: [
                "stress-ng", "--quiet", "--switch", "4", "--fork", "2", "--timeout", "20",
            ])
            let storm = try Load("storm", "1")
            let network = try Load("datagrams", "1")
            let source = opened(Watch(everything: true))
            let run = try Run(on: source, milliseconds: 10_000)
            let isLoaded = stress.isRunning
            #expect(isLoaded, "the load ended too soon")
            #expect(run.live.count >= 2_003)
            for pid in [crowd.pid, storm.pid, network.pid] {
                #expect(run.live.contains { $0.thread.pid == pid })
            }
            run.expectEveryLiveThreadToAddUp()
            // The switchers leave the forks little: the storm below has thousands.
            run.expectEndedThreadsToAddUp(atLeast: 3)
            run.expectCPUsToAddUp()
            #expect(run.lost == 0, "\(run.lost) lost, but counted")
        }

        @Test func nobodyWhoEndsIsForgotten() throws {
            let stress = try Load(running: [
                "nice", "-n", "-11", "stress-ng", "--quiet", "--fork", "2", "--timeout", "20",
            ])
            let run = try Run(on: opened(Watch(everything: true)), milliseconds: 3_000)
            let isLoaded = stress.isRunning
            #expect(isLoaded, "the load ended too soon")
            run.expectEveryLiveThreadToAddUp()
            run.expectEndedThreadsToAddUp(atLeast: 1_001)
            run.expectCPUsToAddUp()
            let forked = UInt64(run.ended.count) + run.lost
            #expect(Double(forked) >= 0.95 * Double(run.forks), "of \(run.forks) forks")
            #expect(run.lost == 0, "\(run.lost) lost, but counted")
        }

        @Test func aFullRingIsCountedAndSaid() throws {
            let stress = try Load(running: [
                "nice", "-n", "-11", "stress-ng", "--quiet", "--fork", "2", "--timeout", "30",
            ])
            let source = opened(Watch(everything: true))
            let read = try Threads.open(on: source)
            let before = try read()
            let forks = try processesStarted()
            // Nobody takes the deaths away: some 5,500 find room.
            while stress.isRunning, try processesStarted() - forks < 13_001 { usleep(100_000) }
            let change = try read().since(before)
            let isLoaded = stress.isRunning
            #expect(isLoaded, "the load ended too soon")
            #expect(change.gaps.lost >= 1_001)
            let ended = change.threads.filter { $0.hasExited && $0.tid > 0 }
            #expect(ended.count <= 2_048)
        }

        /// A shell starts so many programs, one after the other: who counts forks needs no probe.
        @Test func theLossIsWhatTheRingHadNoRoomFor() throws {
            let count = 7_000
            let script = """
                sleep 1; i=0
                while [ $i -lt \(count) ]; do /bin/true; i=$((i + 1)); done
                exec sleep 60
                """
            let shell = try Load(running: ["sh", "-c", script])
            let source = opened(Watch(pids: [shell.pid]))
            let ledger = try source.ledger.get()
            let before = try Run.lost(ledger)
            let comm = "/proc/\(shell.pid)/comm"
            while shell.isRunning, Host().line(comm) != "sleep" { usleep(100_000) }
            let isThere = shell.isRunning
            #expect(isThere, "the shell ended too soon")
            let lost = try Run.lost(ledger) - before
            #expect(lost >= 1_001)
            #expect(ledger.takeEnded().count + Int(lost) == count)
        }
    }
}

/// What the clocks of two CPUs differ by at most, ns: who dies that soon after a reading, no time
/// may be seen to pass for.
private let clockSkew: UInt64 = 1_000

/// One stretch of time with two readings of everything.
private struct Run {
    /// A thread's change, and the time between the moments when its ledger was read, ns.
    struct Measured {
        var thread: ThreadActivity
        var wall: UInt64
    }

    private(set) var live: [Measured] = []
    private(set) var ended: [Measured] = []
    private(set) var cpus: [CPUActivity] = []
    /// Least and most time between the two readings of the CPUs, ns: the load may take the CPU from
    /// this test anywhere.
    private(set) var wall: ClosedRange<UInt64> = 0...0
    private(set) var lost: UInt64 = 0
    /// Processes and threads that the whole machine started.
    private(set) var forks: UInt64 = 0

    init(on source: Source, milliseconds: UInt64) throws {
        let ledger = try source.ledger.get()
        let readCPUs = try CPUs.open(on: source)
        let lostBefore = try Self.lost(ledger)
        let forksBefore = try processesStarted()
        _ = ledger.takeEnded()
        let before = Dictionary(
            try ledger.records().map { (Identity($0), $0) }, uniquingKeysWith: { $1 })
        let beforeFirst = monotonicNanoseconds()
        let cpusBefore = try readCPUs()
        let afterFirst = monotonicNanoseconds()
        var deaths: [ledger_record] = []
        pass(milliseconds, on: source) { deaths += ledger.takeEnded() }
        let after = try ledger.records()
        deaths += ledger.takeEnded()
        forks = try processesStarted() - forksBefore
        let beforeSecond = monotonicNanoseconds()
        cpus = try readCPUs().since(cpusBefore).cpus
        wall = beforeSecond - afterFirst...monotonicNanoseconds() - beforeFirst
        lost = try Self.lost(ledger) - lostBefore
        live = after.compactMap { record in
            before[Identity(record)].map { Self.change(record, since: $0, hasExited: false) }
        }
        let offset = Self.nanosecondsAsleep()
        ended = deaths.map { record in
            if let then = before[Identity(record)] {
                return Self.change(record, since: then, hasExited: true)
            }
            return Measured(
                thread: ThreadActivity(record, hasExited: true),
                wall: growth(record.now, record.started - offset))
        }
    }

    func expectEveryLiveThreadToAddUp() {
        let wrong = live.filter { !$0.addsUp(slack: 0) }
        #expect(wrong.isEmpty, "\(wrong.count) of \(live.count): \(wrong.prefix(5).map(\.text))")
        let impossible = live.filter { $0.hasImpossibleState }
        #expect(impossible.isEmpty, "\(impossible.prefix(5).map(\.text))")
    }

    /// A thread's birth is stamped a moment before its ledger opens; its parent may be preempted
    /// in between, so one in a hundred may miss some of its first millisecond.
    func expectEndedThreadsToAddUp(atLeast count: Int) {
        #expect(ended.count >= count)
        let wrong = ended.filter { !$0.addsUp(slack: 200_000) }
        #expect(
            wrong.count * 100 <= ended.count,
            "\(wrong.count) of \(ended.count): \(wrong.prefix(5).map(\.text))")
        let impossible = ended.filter { $0.hasImpossibleState }
        #expect(impossible.isEmpty, "\(impossible.prefix(5).map(\.text))")
        let forks = ended.filter { $0.thread.name.hasPrefix("stress-ng") }
        #expect(forks.count >= count)
        let timeless = forks.filter { $0.thread.time.total == 0 && $0.wall > clockSkew }
        #expect(timeless.isEmpty, "\(timeless.prefix(5).map(\.text))")
    }

    func expectCPUsToAddUp() {
        #expect(!cpus.isEmpty)
        for cpu in cpus {
            let total = Double(cpu.total)
            #expect(total >= 0.99 * Double(wall.lowerBound), "CPU \(cpu.id): \(cpu), wall \(wall)")
            #expect(total <= 1.01 * Double(wall.upperBound), "CPU \(cpu.id): \(cpu), wall \(wall)")
        }
    }

    static func lost(_ ledger: LedgerProbe) throws -> UInt64 {
        try ledger.cpus().reduce(0) { $0 + $1.lost_threads + $1.lost_deaths }
    }

    private static func change(
        _ record: ledger_record, since then: ledger_record, hasExited: Bool
    ) -> Measured {
        let earlier = ThreadActivity(then, hasExited: false)
        let thread = ThreadActivity(record, hasExited: hasExited).since(earlier)
        // A thread may die on one CPU while it is read on another.
        return Measured(thread: thread, wall: growth(record.now, then.now))
    }

    /// CLOCK_BOOTTIME runs ahead of CLOCK_MONOTONIC by the time that the machine was suspended.
    private static func nanosecondsAsleep() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return growth(
            UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec), monotonicNanoseconds())
    }
}

/// Forks and clones since boot, from /proc/stat.
private func processesStarted() throws -> UInt64 {
    let text = try Host().text("/proc/stat")
    let line = text.split(separator: "\n").first { $0.hasPrefix("processes ") }
    return try #require(line.flatMap { UInt64($0.dropFirst(10)) })
}

private struct Identity: Hashable {
    var tid: UInt32
    var started: UInt64

    init(_ record: ledger_record) { (tid, started) = (record.tid, record.started) }
}

extension Run.Measured {
    /// Within 1 %, and `slack` ns that may be missing.
    func addsUp(slack: Double) -> Bool {
        let total = Double(thread.time.total)
        let skew = Double(clockSkew)
        return total <= 1.01 * Double(wall) + skew && total >= 0.99 * Double(wall) - slack - skew
    }

    /// More of one state than there was time; also what a wrapped counter looks like.
    var hasImpossibleState: Bool {
        ThreadState.allCases.contains {
            Double(thread.time[$0]) > 1.01 * Double(wall) + Double(clockSkew)
        }
    }

    var text: String { "\(thread.name) \(thread.tid): wall \(wall), \(thread.time.summary)" }
}
