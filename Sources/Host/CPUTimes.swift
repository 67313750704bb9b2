/// One `cpuN` line of /proc/stat, in ticks of 1/100 s (`Host.ticksPerSecond`).
package struct CPUTimes: Sendable, Equatable {
    package var id: Int
    package var user: UInt64 = 0
    package var nice: UInt64 = 0
    package var system: UInt64 = 0
    package var idle: UInt64 = 0
    package var ioWait: UInt64 = 0
    package var irq: UInt64 = 0
    package var softirq: UInt64 = 0
    /// Taken by the hypervisor.
    package var steal: UInt64 = 0

    package init(id: Int) { self.id = id }

    /// The CPUs of /proc/stat, which are those online; the total line is left out. Figures that
    /// an old kernel lacks are 0.
    package static func parse(_ bytes: [UInt8]) -> [CPUTimes] {
        var text = KernelText(bytes)
        var cpus: [CPUTimes] = []
        while text.nextLine() {
            guard let label = text.word(), label.hasPrefix("cpu"),
                let id = Int(label.dropFirst(3)), let user = text.number(),
                let nice = text.number(), let system = text.number(), let idle = text.number()
            else { continue }
            var times = CPUTimes(id: id)
            (times.user, times.nice, times.system, times.idle) = (user, nice, system, idle)
            times.ioWait = text.number() ?? 0
            times.irq = text.number() ?? 0
            times.softirq = text.number() ?? 0
            times.steal = text.number() ?? 0
            cpus.append(times)
        }
        return cpus
    }

    /// The `ctxt` line of /proc/stat: switches since boot; 0 where there is none.
    package static func contextSwitches(in bytes: [UInt8]) -> UInt64 {
        var text = KernelText(bytes)
        while text.nextLine() {
            if text.word() == "ctxt" { return text.number() ?? 0 }
        }
        return 0
    }
}
