import Glibc
import Host
import Signals
import Testing

extension Kernel {
    /// Who runs, who waits, and for whom.
    @Suite(.probes) struct SchedulingTests {
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

        @Test func countsWaitsByRole() throws {
            let first = try Load("spin", "1", "first")
            let second = try Load("spin", "1", "second")
            let source = opened(Watch(pids: [first.pid, second.pid]))
            let read = try CPUs.open(on: source)
            let count = { (cpus: CPUs, role: Int) in cpus.waits(ofRole: role).reduce(0, +) }
            let fresh = try read()
            pass(300, on: source)
            let without = try read().since(fresh)
            #expect(count(without, 0) > 0)
            #expect((1..<CPUs.waitRoles).allSatisfy { count(without, $0) == 0 })
            source.assign(roles: [first.pid: 1, second.pid: 7, 1: 99])
            let told = try read()
            pass(300, on: source)
            let with = try read().since(told)
            #expect(count(with, 1) > 0 && count(with, 7) > 0)
            // Its only threads have roles now; a wait that was under way may have ended before.
            #expect(count(with, 0) <= 2)
            #expect(with.allWaits.reduce(0, +) == with.waitSlots.reduce(0, +))
            source.assign(roles: [second.pid: 7])
            let again = try read()
            pass(300, on: source)
            let back = try read().since(again)
            #expect(count(back, 0) > 0 && count(back, 1) == 0 && count(back, 7) > 0)
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

        /// This machine may have one node: two are made up, with one CPU each.
        @Test func tellsOnWhichNodeAThreadRan() throws {
            var facts = HostFacts()
            for cpu in 0...1 {
                facts.topology.cpus.append(CPUFacts(id: cpu))
                facts.topology.cpus[cpu].node = 3 * cpu
                facts.topology.nodes.append(
                    NodeFacts(id: 3 * cpu, cpus: CPUList([cpu]), memoryBytes: 0, distances: []))
            }
            let load = try Load(prepared: "drift", "0", "1")
            let source = Source(host: Host(), facts: facts, watch: Watch(pids: [load.pid]))
            let change = try measured(source, milliseconds: 1_200) { load.go() }
            let thread = try #require(change.main(of: load.pid))
            let ran: UInt64 = thread.time[.running] + thread.time[.irq] + thread.time[.softirq]
            let first: UInt64 = thread.timeByNode[0] ?? 0
            let second: UInt64 = thread.timeByNode[3] ?? 0
            #expect(thread.timeByNode.count == 2)
            #expect(thread.nodeMigrations >= 1)
            #expect(abs(Double(first + second) - Double(ran)) < 0.01 * Double(ran))
            #expect(first >= 50_000_000)
            #expect(second >= 50_000_000)
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
