import Glibc
import Host
import Signals
import Testing

extension Kernel {
    /// The ledger of a user without privileges: needs neither root nor probes.
    @Suite struct ProcfsTests {
        @Test func addsUpFromFilesAloneAndSaysWhatIsMissing() throws {
            let load = try Load("spin", "0")
            let change = try seen(load)
            #expect(change.method == .procfs)
            #expect(change.gaps.reasons.contains { $0.contains("probes are switched off") })
            let main = try #require(change.main(of: load.pid))
            // A hypervisor may have taken the CPU for a part.
            #expect(main.time.share(.running) >= 0.5, "\(main.time.summary)")
            #expect(main.time.share(.running) + main.time.share(.waiting) >= 0.9)
        }

        @Test func whoSleepsIsNotSaidToWait() throws {
            let load = try Load(running: ["sleep", "60"])
            let main = try #require(try seen(load).main(of: load.pid))
            #expect(main.time.share(.sleeping) >= 0.95, "\(main.time.summary)")
        }

        /// What eleven looks in 1.1 s see of a load; its time adds up to the wall's.
        private func seen(_ load: borrowing Load) throws -> Threads {
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
            let main = try #require(change.main(of: load.pid))
            #expect(abs(Double(main.time.total) - wall) < 0.05 * wall, "\(main.time.summary)")
            for state in ThreadState.allCases { #expect(Double(main.time[state]) < 1.05 * wall) }
            return change
        }
    }
}
