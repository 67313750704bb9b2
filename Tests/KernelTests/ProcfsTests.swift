import Glibc
import Host
import Signals
import Testing

/// The ledger of a user without privileges: needs neither root nor probes.
@Suite(.serialized) struct ProcfsTests {
    @Test func addsUpFromFilesAloneAndSaysWhatIsMissing() throws {
        let load = try Load("spin", "0")
        let source = Source(
            host: Host(), facts: HostFacts(), watch: Watch(pids: [load.pid]), probes: false)
        let read = try Threads.open(on: source)
        let before = try read()
        let began = monotonicNanoseconds()
        for _ in 0..<11 {
            usleep(100_000)
            source.look()
        }
        let change = try read().since(before)
        let wall = Double(monotonicNanoseconds() - began)
        #expect(change.method == .procfs)
        #expect(change.gaps.reasons.contains { $0.contains("probes are switched off") })
        let main = try #require(change.main(of: load.pid))
        #expect(abs(Double(main.time.total) - wall) < 0.05 * wall, "\(main.time.summary)")
        #expect(main.time.share(.running) + main.time.share(.waiting) >= 0.9)
        for state in ThreadState.allCases { #expect(Double(main.time[state]) < 1.05 * wall) }
    }
}
