import Glibc
import Host
import Testing

@testable import Accelerators

private let first = "0000:1b:00.0"
private let second = "0000:43:00.0"

/// The worker as a process of its own, with the fake library in it.
@Suite(
    .serialized,
    .enabled(if: FakeNVML.isBuilt, "Tests/NVML/build.sh has not run, or stoker is not built"))
struct WorkerTests {
    private func isComplete(_ answer: GPUAnswer) -> Bool {
        answer.readings.count == 2 && answer.readings.allSatisfy { $0.takenAt > 0 }
    }

    @Test func tellsFactsAndFigures() throws {
        let fake = try FakeNVML("set gpu=0 sm=1755 temp=61 reasons=0x44 limit=650000 persistence=0")
        let worker = fake.worker()
        let answer = worker.ask(until: isComplete)
        #expect(answer.troubles == [])
        #expect(answer.facts.map(\.pci) == [first, second])
        let facts = try #require(answer.facts.first)
        #expect(facts.name == "NVIDIA H100 80GB HBM3")
        #expect(facts.driverVersion == "570.86.15")
        #expect(facts.enforcedPowerMilliwatts == 650_000)
        #expect(facts.defaultPowerMilliwatts == 700_000)
        #expect(facts.hasPersistence == false && facts.hasMIG == false)
        #expect(facts.memoryBytes == 85_520_809_984)
        let reading = try #require(answer[first])
        #expect(reading.processes == [5_000, 5_001])
        #expect((reading.smMegahertz, reading.celsius) == (1_755, 61))
        #expect(reading.limits.bits == 0x44)
        #expect(reading.link.lanes == 16 && reading.link.generation == 5)
    }

    @Test func activityIsThatOfTheRing() throws {
        let fake = try FakeNVML("set gpu=0 util=73")
        let worker = fake.worker()
        let answer = worker.ask(for: 8) { ($0[first]?.activity.observed ?? 0) > 3_000_000_000 }
        let activity = try #require(answer[first]?.activity)
        let (active, observed) = (try #require(activity.active), try #require(activity.observed))
        #expect(activity.source == .samples)
        #expect(abs(Double(active) / Double(observed) - 0.73) < 0.015)
        #expect(answer[second]?.activity.active == 0)
    }

    @Test func aSilentRingFallsBackToTheRate() throws {
        let fake = try FakeNVML("set gpu=0 util=40 silent=1\nset gpu=1 mig=1 gpm=1 util=50")
        let worker = fake.worker()
        let answer = worker.ask(for: 6) { ($0[second]?.activity.observed ?? 0) > 1_800_000_000 }
        let rated = try #require(answer[first]?.activity)
        #expect(rated.source == .rate)
        #expect(abs(share(rated.active, rated.observed) - 0.4) < 1e-6)
        // With MIG only the GPU's own counters tell.
        let counted = try #require(answer[second]?.activity)
        #expect(counted.source == .counters)
        #expect(abs(share(counted.active, counted.observed) - 0.5) < 0.02)
        #expect(abs(share(counted.smActive, counted.counted) - 0.375) < 0.02)
        #expect(abs(share(counted.tensorActive, counted.counted) - 0.25) < 0.02)
    }

    private func share(_ part: UInt64?, _ whole: UInt64?) -> Double {
        Double(part ?? 0) / Double(max(whole ?? 1, 1))
    }

    @Test func activityFollowsARealProcess() throws {
        let progress = try #require(SharedProgress())
        let fake = try FakeNVML("gpu 2 pci=0000:9d:00.0 name=x uuid=c progress=\(progress.path):3")
        let worker = fake.worker()
        var last = worker.ask { $0.readings.count == 3 && $0["0000:9d:00.0"]?.takenAt ?? 0 > 0 }
        let end = monotonicNanoseconds() + 4_000_000_000
        var before = monotonicNanoseconds()
        // A quarter of the time "busy", in steps of 10 ms.
        while before < end {
            usleep(10_000)
            let now = monotonicNanoseconds()
            progress.add((now - before) / 4, at: 3)
            before = now
            last = worker.ask(within: 20_000_000)
        }
        let activity = try #require(last["0000:9d:00.0"]?.activity)
        #expect((activity.observed ?? 0) > 2_000_000_000)
        #expect(abs(share(activity.active, activity.observed) - 0.25) < 0.02)
    }

    @Test(arguments: ["r9999", "r470"]) func countersGrowWithEveryDriver(release: String) throws {
        let fake = try FakeNVML(
            "set gpu=0 policy_thermal=0.25 policy_power=0.5 pcie_tx=3e9 replays=4 reasons=0x48",
            release: release)
        let worker = fake.worker()
        let start = try #require(worker.ask(until: isComplete)[first])
        let wanted = start.takenAt + 3_500_000_000
        let end = try #require(worker.ask(for: 8) { $0[first]?.takenAt ?? 0 > wanted }[first])
        let passed = Double(end.takenAt - start.takenAt)
        func grown(_ policy: ThrottlePolicy) -> Double {
            let (now, before) = (end.limits.throttled[policy], start.limits.throttled[policy])
            return Double((now ?? 0) - (before ?? 0)) / passed
        }
        #expect(abs(grown(.thermal) - 0.25) < 0.02)
        #expect(abs(grown(.power) - 0.5) < 0.02)
        let energy = Double((end.energyMillijoules ?? 0) - (start.energyMillijoules ?? 0))
        #expect(abs(energy / passed * 1e9 - 300_000) < 9_000)
        #expect((end.link.replays ?? 0) > (start.link.replays ?? 0) + 10)
        #expect(end.limits.held[.hardwareThermal] == end.limits.watched)
        #expect(end.limits.held[.powerCap] == nil)
        #expect(end.limits.slowdowns == 1)
        #expect(end.processes == [5_000, 5_001])
        // 32 bits of it: they wrapped several times.
        let sent = release == "r470" ? nil : end.link.sentBytes
        #expect(end.link.sentBytes == sent)
        if let sent { #expect(abs(Double(sent) / passed * 1e9 - 3e9) < 1e8) }
    }

    @Test func theWideProcessListIsRead() throws {
        let fake = try FakeNVML("stride 32")
        #expect(fake.worker().ask(until: isComplete)[first]?.processes == [5_000, 5_001])
    }

    @Test func asksTheDriverRarely() throws {
        let fake = try FakeNVML("")
        let worker = fake.worker()
        _ = worker.ask(until: isComplete)
        let (before, begin) = (fake.calls, monotonicNanoseconds())
        // Asked twenty times a second, each GPU is read once.
        while monotonicNanoseconds() < begin + 4_000_000_000 {
            _ = worker.ask(within: 100_000_000)
            usleep(50_000)
        }
        let seconds = Double(monotonicNanoseconds() - begin) / 1e9
        let calls = fake.calls.mapValues { $0 }
        let all = calls.values.reduce(0, +) - before.values.reduce(0, +)
        #expect(Double(all) / seconds / 2 <= 15, "\(calls)")
        #expect(calls["nvmlDeviceGetPcieThroughput"] == nil)
        #expect(calls["nvmlDeviceGetComputeRunningProcesses_v3"] == 2)
        #expect(calls["nvmlDeviceGetRemappedRows"] == 2)
    }

    @Test func whatIsNotSupportedIsAskedOnce() throws {
        let fake = try FakeNVML(
            """
            call fn=nvmlDeviceGetTotalEnergyConsumption ret=3
            call fn=nvmlDeviceGetTemperature gpu=0 ret=3
            """)
        let worker = fake.worker()
        let answer = worker.ask(for: 6) { ($0[first]?.limits.watched ?? 0) > 1_800_000_000 }
        #expect(answer.troubles == [])
        #expect(answer[first]?.energyMillijoules == nil && answer[first]?.celsius == nil)
        #expect(answer[second]?.celsius == 40)
        #expect(fake.calls["nvmlDeviceGetTotalEnergyConsumption"] == 2)
    }
}
