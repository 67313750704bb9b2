import Host
import Rules
import Signals

extension HostileHost {
    static let gpu = "0000:1b:00.0"

    mutating func gpus() -> GPUs {
        var gpu = GPUReading(pci: chance() ? Self.gpu : Self.name)
        (gpu.activity.active, gpu.activity.observed) = (number(), number())
        gpu.limits.watched = number()
        for limit in ClockLimit.allCases where chance() { gpu.limits.held[limit] = number() }
        for policy in ThrottlePolicy.allCases where chance() {
            gpu.limits.throttled[policy] = number()
        }
        gpu.limits.slowdowns = number()
        (gpu.smMegahertz, gpu.memoryMegahertz, gpu.celsius) = (number(), number(), number())
        (gpu.health.uncorrected, gpu.health.newUncorrected) = (number(), number())
        (gpu.health.remappedUncorrected, gpu.health.hasFailed) = (number(), chance())
        gpu.health.isPending = chance()
        gpu.xids = [XID(time: number(), code: Int(truncatingIfNeeded: number()))]
        gpu.trouble = Self.name
        gpu.isLost = chance()
        return GPUs(
            gpus: [gpu], library: chance() ? LibraryTrouble(reason: Self.name, code: 18) : nil)
    }

    mutating func gpuFacts() -> GPUFacts {
        var facts = GPUFacts(pci: Self.gpu, vendor: chance() ? .amd : .nvidia)
        (facts.name, facts.hasPersistence) = (Self.name, chance())
        (facts.maxSMMegahertz, facts.memoryBytes) = (number(), number())
        (facts.enforcedPowerMilliwatts, facts.defaultPowerMilliwatts) = (number(), number())
        return facts
    }
}
