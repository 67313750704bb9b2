import Signals
import Testing

extension Kernel {
    /// Interrupts, and what they take from threads.
    @Suite(.probes) struct InterruptTests {
        @Test func chargesInterruptsToWhomTheyTakeTheCPUFrom() throws {
            let load = try Load("datagrams", "1")
            let source = opened(Watch(pids: [load.pid]))
            let sensors = Sensors(on: source)
            let before = sensors.sample()
            pass(1_500, on: source)
            let window = sensors.window(from: before, to: sensors.sample())
            let thread = try #require(try window(Threads.self).main(of: load.pid))
            #expect(thread.time[.softirq] > 10_000_000, "\(thread.time.summary)")
            #expect(thread.time[.irq] > 0, "\(thread.time.summary)")
            let cpus = try window(CPUs.self).cpus
            let whole = cpus.reduce(0) { $0 + $1.irq + $1.softirq }
            // A thread's last stretch is read a moment after the CPUs.
            let charged = thread.time[.softirq] + thread.time[.irq]
            #expect(Double(whole) >= 0.98 * Double(charged))
            let network = try #require(
                try window(SoftIRQs.self).lines.first { $0.name == "NET_RX" })
            #expect(network.counts.reduce(0, +) >= 1_001)
            #expect(network.watchedNanoseconds.reduce(0, +) > 10_000_000)
            let timer = try #require(try window(Interrupts.self).row("LOC"))
            #expect(timer.nanoseconds.reduce(0, +) > 0)
        }

        @Test func latencyOfDirectReadsFillsSlots() throws {
            let file = try ColdFile(mebibytes: 33)
            let load = try Load("direct", file.path)
            let source = opened(Watch(pids: [load.pid]))
            let read = try Disks.open(on: source)
            let before = try read()
            pass(1_000, on: source)
            let disks = try read().since(before).disks
            let busiest = try #require(disks.max { $0.reads < $1.reads })
            let slotted = busiest.latencySlots.reduce(0, +)
            #expect(busiest.reads >= 97)
            #expect(Double(slotted) >= 0.9 * Double(busiest.reads))
        }
    }
}
