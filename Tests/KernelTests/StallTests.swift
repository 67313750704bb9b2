import Signals
import Testing

extension Kernel {
    /// What holds a thread up that is not another thread.
    @Suite(.probes) struct StallTests {
        @Test func aColdMappedPageIsAFault() throws {
            let file = try ColdFile(mebibytes: 33)
            let load = try Load("fault", file.path)
            let change = try measured(Watch(pids: [load.pid]))
            let thread = try #require(change.main(of: load.pid))
            #expect(thread.time.awakeShare(.fault) >= 0.3, "\(thread.time.summary)")
            #expect(thread.time[.fault] > 5 * thread.time[.io], "\(thread.time.summary)")
            #expect(thread.majorFaults >= 97)
        }

        @Test func aColdReadIsInputAndOutput() throws {
            let file = try ColdFile(mebibytes: 33)
            let load = try Load("pread", file.path)
            let change = try measured(Watch(pids: [load.pid]))
            let thread = try #require(change.main(of: load.pid))
            #expect(thread.time.awakeShare(.io) >= 0.3, "\(thread.time.summary)")
            #expect(thread.time[.io] > 5 * thread.time[.fault], "\(thread.time.summary)")
        }

        @Test func reclaimUnderAMemoryLimitIsReclaim() throws {
            let file = try ColdFile(mebibytes: 65)
            let group = try ControlGroup("memory", "reclaim")
            try group.limitMemory(17 << 20)
            let load = try Load(prepared: "cache", file.path)
            try group.take(load.pid)
            let change = try measured(Watch(pids: [load.pid]), milliseconds: 2_500) { load.go() }
            let thread = try #require(change.main(of: load.pid))
            #expect(thread.time[.reclaim] > 10_000_000, "\(thread.time.summary)")
        }

        @Test(arguments: [false, true]) func aQuotaThrottles(ofTheParent: Bool) throws {
            let outer = try ControlGroup("cpu", "quota")
            let inner = try ControlGroup("cpu", "inner", below: outer.folder)
            let load = try Load("spin", "1")
            try inner.take(load.pid)
            if ofTheParent { try outer.limitCPU(percent: 21) }
            if !ofTheParent { try inner.limitCPU(percent: 21) }
            let change = try measured(Watch(pids: [load.pid]), milliseconds: 2_100)
            let thread = try #require(change.main(of: load.pid))
            #expect(thread.time.share(.throttled) >= 0.4, "\(thread.time.summary)")
            #expect(thread.time.share(.running) <= 0.4, "\(thread.time.summary)")
        }

        @Test func aFightForTheAddressSpaceIsSeen() throws {
            let load = try Load("storm", "15")
            let change = try measured(Watch(pids: [load.pid]))
            let threads = change.threads.filter { $0.pid == load.pid }
            #expect(threads.count == 15)
            let fought = threads.reduce(0) { $0 + $1.mmapLock }
            #expect(fought > 1_000_000, "\(change.all(of: load.pid).summary)")
            for thread in threads { #expect(thread.mmapLock <= thread.time[.blocked]) }
        }
    }
}
