import Glibc
import Signals
import Testing

extension Kernel {
    /// Who runs, who waits, and for whom.
    @Suite struct SchedulingTests {
        @Test func countsEveryVoluntarySwitch() throws {
            let load = try Load(prepared: "naps", "1013")
            let change = try measured(Watch(pids: [load.pid])) { load.go() }
            let thread = try #require(change.main(of: load.pid))
            #expect(thread.voluntarySwitches >= 1_013)
            #expect(thread.voluntarySwitches < 1_113)
            #expect(thread.yields == 0)
        }

        @Test func tellsYieldsFromPreemptions() throws {
            let load = try Load(prepared: "yields", "1", "20011")
            let change = try measured(Watch(pids: [load.pid])) { load.go() }
            let pair = change.threads.filter { $0.pid == load.pid && $0.tid != load.pid }
            #expect(pair.count == 2)
            let yields = pair.reduce(0) { $0 + $1.yields }
            let preemptions = pair.reduce(0) { $0 + $1.preemptions }
            #expect(yields >= 1_001)
            #expect(preemptions * 5 < yields)
        }

        @Test func namesTheHogThatHadTheCPU() throws {
            let hog = try Load("spin", "1", "odd hog 7")
            let victim = try Load("spin", "1", "victim")
            let change = try measured(Watch(pids: [victim.pid]))
            let thread = try #require(change.main(of: victim.pid))
            #expect(thread.time.share(.waiting) >= 0.3, "\(thread.time.summary)")
            let waits = change.waits(of: victim.pid)
            let behindHog = try #require(waits.first { $0.culprit.id == hog.pid })
            #expect(behindHog.culprit.kind == .process)
            #expect(behindHog.culprit.name == "odd hog 7")
            // Somebody else may build on this machine.
            #expect(behindHog.nanoseconds * 3 > thread.time[.waiting], "\(waits.prefix(3))")
            #expect(thread.preemptions > 0)
            let blamed = waits.reduce(0) { $0 + $1.nanoseconds }
            #expect(Double(blamed) <= 1.05 * Double(thread.time[.waiting]))
            #expect(Double(blamed) >= 0.95 * Double(thread.time[.waiting]))
        }

        @Test func namesCulpritsThatHaveEnded() throws {
            let brood = try Load("ephemera", "1", "mayfly 31")
            let victim = try Load("spin", "1", "victim")
            let change = try measured(Watch(pids: [victim.pid]))
            let waits = change.waits(of: victim.pid)
            let mayflies = waits.filter { $0.culprit.name == "mayfly 31" }
            let waited = waits.reduce(0) { $0 + $1.nanoseconds }
            let behindMayflies = mayflies.reduce(0) { $0 + $1.nanoseconds }
            let processes = waits.filter { $0.culprit.kind == .process }
            let nameless = processes.filter { $0.culprit.name.isEmpty }
                .reduce(0) { $0 + $1.nanoseconds }
            #expect(mayflies.count >= 5)
            // Somebody else may build on this machine; nobody may stay without a name.
            #expect(behindMayflies * 3 >= waited, "\(waits.prefix(5))")
            #expect(nameless * 20 <= waited, "\(nameless) of \(waited) ns")
            #expect(!mayflies.contains { $0.culprit.id == brood.pid })
        }

        @Test func sleepersSleep() throws {
            let load = try Load("sleep")
            let change = try measured(Watch(pids: [load.pid]))
            let thread = try #require(change.main(of: load.pid))
            #expect(thread.time.share(.sleeping) >= 0.95, "\(thread.time.summary)")
        }

        @Test func followsDescendantsAndCountsThoseWhoWereThere() throws {
            let family = try Load(prepared: "family", "17")
            let change = try measured(Watch(pids: [family.pid])) { family.go() }
            #expect(change.threads.filter { $0.pid == family.pid }.count == 4)
            let children = change.threads.filter { $0.parent == family.pid && $0.pid != family.pid }
            #expect(children.count == 17)
            for child in children {
                #expect(child.hasExited)
                #expect(child.name == "offspring")
                #expect(child.time.total >= 3_000_000, "\(child.time.summary)")
            }
        }

        @Test func anExecKeepsTheLedger() throws {
            let load = try Load(prepared: "exec", "1")
            let change = try measured(Watch(pids: [load.pid]), milliseconds: 700) { load.go() }
            let thread = try #require(change.main(of: load.pid))
            #expect(change.threads.count == 1)
            #expect(thread.time.total >= 693_000_000, "\(thread.time.summary)")
            #expect(!thread.hasExited)
        }
    }
}
