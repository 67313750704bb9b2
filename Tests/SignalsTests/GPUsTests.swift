import Accelerators
import CRecords
import Host
import Machines
import Testing

@testable import Signals

struct GPUsTests {
    private func reading(_ change: (inout GPUReading) -> Void) -> GPUReading {
        var gpu = GPUReading(pci: "0000:1b:00.0")
        gpu.epoch = 7
        change(&gpu)
        return gpu
    }

    @Test func aHostWithoutAGPUStartsNobody() {
        let error = #expect(throws: Unavailable.self) {
            _ = try GPUs.open(on: Source(host: Tree().host))
        }
        #expect(error?.reason.hasPrefix("no GPU driver: no /proc/driver/nvidia") == true)
        let quiet = Source(host: fixture("quiet"))
        #expect(throws: Unavailable.self) { _ = try GPUs.open(on: quiet) }
    }

    @Test func aCapturedDriverIsNeverAsked() throws {
        let tree = Tree()
        try tree.write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64")
        #expect(GPUDrivers(on: tree.host).isEmpty)
    }

    @Test func theLedgerKnowsTheWorkerByItsName() {
        #expect(LEDGER_WORKER == gpuWorkerName)
    }

    @Test func differencesAreExact() throws {
        let before = reading {
            ($0.activity.active, $0.activity.observed) = (700, 1_000)
            ($0.limits.throttled[.thermal], $0.limits.held[.powerCap]) = (11, 13)
            ($0.limits.watched, $0.limits.slowdowns) = (17, 1)
            ($0.link.replays, $0.link.sentBytes) = (3, 100)
            ($0.energyMillijoules, $0.health.uncorrected) = (1_000, 2)
            ($0.calls, $0.celsius) = (5, 40)
            $0.xids = [XID(time: 1, code: 13)]
        }
        var after = before
        (after.activity.active, after.activity.observed) = (1_500, 2_000)
        after.limits.throttled = [.thermal: 21, .power: 900]
        after.limits.held = [.powerCap: 20, .hardwareThermal: 4]
        (after.limits.watched, after.limits.slowdowns) = (1_017, 2)
        (after.link.replays, after.link.sentBytes) = (2, 350)
        (after.energyMillijoules, after.health.uncorrected) = (1_311, 5)
        (after.calls, after.celsius) = (12, 61)
        after.xids.append(XID(time: 2, code: 79))
        let change = GPUs(gpus: [after]).since(GPUs(gpus: [before]))
        let gpu = try #require(change["0000:1b:00.0"])
        #expect((gpu.activity.active, gpu.activity.observed) == (800, 1_000))
        // What one of both did not tell has no difference.
        #expect(gpu.limits.throttled == [.thermal: 10])
        #expect(gpu.limits.held == [.powerCap: 7, .hardwareThermal: 4])
        #expect((gpu.limits.watched, gpu.limits.slowdowns) == (1_000, 1))
        #expect((gpu.link.replays, gpu.link.sentBytes) == (0, 250))
        #expect((gpu.energyMillijoules, gpu.health.newUncorrected) == (311, 3))
        #expect((gpu.health.uncorrected, gpu.calls, gpu.celsius) == (5, 7, 61))
        #expect(gpu.xids == [XID(time: 2, code: 79)])
    }

    /// A driver's figures of use begin some moments after the first look.
    @Test func whatWasNotToldAtFirstCountsFromNothing() throws {
        let before = reading { $0.calls = 9 }
        let after = reading { ($0.activity.active, $0.activity.observed) = (30, 100) }
        let gpu = try #require(GPUs(gpus: [after]).since(GPUs(gpus: [before])).gpus.first)
        #expect((gpu.activity.active, gpu.activity.observed) == (30, 100))
        #expect(gpu.activity.smActive == nil)
    }

    @Test func anotherWorkerBeginsAtNothing() throws {
        let before = reading {
            ($0.activity.active, $0.activity.observed) = (9_000, 9_000)
            ($0.energyMillijoules, $0.calls) = (50, 900)
            $0.limits.throttled = [.power: 40]
        }
        let after = reading {
            $0.epoch = 8
            ($0.activity.active, $0.activity.observed) = (30, 100)
            ($0.energyMillijoules, $0.calls) = (70, 20)
            $0.limits.throttled = [.power: 45]
            $0.limits.watched = 100
        }
        let gpu = try #require(GPUs(gpus: [after]).since(GPUs(gpus: [before])).gpus.first)
        #expect((gpu.activity.active, gpu.activity.observed) == (30, 100))
        #expect((gpu.limits.watched, gpu.calls) == (100, 20))
        // The driver's own counters went on.
        #expect(gpu.energyMillijoules == 20)
        #expect(gpu.limits.throttled == [.power: 5])
    }

    @Test func aGPUThatAppearsHasDoneNothingYet() throws {
        let gpu = reading {
            ($0.activity.active, $0.energyMillijoules) = (9, 50)
            $0.xids = [XID(time: 3, code: 79)]
        }
        let change = try #require(GPUs(gpus: [gpu]).since(GPUs()).gpus.first)
        #expect((change.activity.active, change.energyMillijoules) == (0, 0))
        #expect(change.xids == [XID(time: 3, code: 79)])
    }

    @Test func nothingTrapsOnHugeNumbers() {
        let most = reading {
            ($0.activity.active, $0.activity.observed, $0.limits.watched) = (.max, .max, .max)
            ($0.energyMillijoules, $0.limits.held[.display]) = (.max, .max)
        }
        let least = reading { ($0.activity.active, $0.energyMillijoules) = (0, 0) }
        for (one, other) in [(most, least), (least, most), (most, most)] {
            _ = GPUs(gpus: [one]).since(GPUs(gpus: [other]))
        }
    }
}
