import Glibc
import Host
import Signals
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "loading probes needs root"))
struct LedgerTests {
    /// 1 % is the ledger's promise.
    @Test func statesOfEveryThreadAddUpToWallTime() throws {
        let source = Source(host: Host(), facts: HostFacts(), watch: Watch(everything: true))
        let t0 = clock_gettime_nsec()
        let read = try Threads.open(on: source)
        let t1 = clock_gettime_nsec()
        let before = try read()
        let t2 = clock_gettime_nsec()
        for _ in 0..<10 { usleep(200_000); source.drainDeaths() }
        let t3 = clock_gettime_nsec()
        let after = try read()
        let t4 = clock_gettime_nsec()
        print("load", (t1 - t0) / 1000, "us, read", (t4 - t3) / 1000, "us", before.threads.count, after.threads.count)
        let change = after.since(before)
        for t in change.threads.sorted(by: { $0.awake > $1.awake }).prefix(8) {
            print(t.tid, t.pid, t.name, t.hasExited, t.time.total / 1000, ThreadState.allCases.map { "\($0)=\(t.time[$0] / 1000)" }, t.voluntarySwitches, t.preemptions, t.yields, t.migrations)
        }
        for w in change.waits.sorted(by: { $0.nanoseconds > $1.nanoseconds }).prefix(8) {
            print(w.tid, w.culprit, w.nanoseconds / 1000)
        }
        print(change.gaps, (t3 - t2)/1000)
    }
}
func clock_gettime_nsec() -> UInt64 {
    var t = timespec()
    clock_gettime(CLOCK_MONOTONIC, &t)
    return UInt64(t.tv_sec) * 1_000_000_000 + UInt64(t.tv_nsec)
}
