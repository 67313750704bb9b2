import Glibc
import Host
import Testing

@testable import Accelerators

private let first = "0000:1b:00.0"
private let second = "0000:43:00.0"

/// Drivers that hang, crash, lose a GPU or are not there.
@Suite(
    .serialized,
    .enabled(if: FakeNVML.isBuilt, "Tests/NVML/build.sh has not run, or stoker is not built"))
struct WorkerTroubleTests {
    @Test func aMissingLibraryIsAReason() throws {
        let worker = GPUWorker(library: "/no/libnvidia-ml.so.1", program: FakeNVML.program)
        let answer = worker.ask { $0.library != nil && !$0.says("starting") }
        #expect(answer.library?.reason.hasPrefix("cannot load NVML: /no/libnvidia-ml") == true)
        #expect(answer.says("No such file or directory"))
        #expect(answer.readings.isEmpty)
    }

    @Test func aLibraryWithoutTheFunctionsIsAReason() throws {
        let worker = GPUWorker(library: "libc.so.6", program: FakeNVML.program)
        let answer = worker.ask { $0.says("libc.so.6") }
        #expect(answer.says("libc.so.6 lacks functions that every driver since R470 has"))
    }

    @Test func aMismatchIsTold() throws {
        let fake = try FakeNVML("call fn=nvmlInit_v2 ret=18")
        let answer = fake.worker().ask { $0.library?.code != nil }
        #expect(answer.library?.isMismatch == true)
        #expect(answer.says("different versions"))
    }

    @Test func aHangCostsOnlyItsOwnGPU() throws {
        let fake = try FakeNVML("call fn=nvmlDeviceGetPowerUsage gpu=0 t=1.5 hang=1")
        let worker = fake.worker()
        let answer = worker.ask { $0.says("has not answered for 3 s") }
        #expect(answer.says("GPU \(first): has not answered for 3 s (in nvmlDeviceGetPowerUsage)"))
        #expect(answer.troubles.count == 1)
        // The other one goes on, and nobody waits for the one that hangs.
        let before = answer[second]?.takenAt ?? 0
        let begin = monotonicNanoseconds()
        let next = worker.ask(for: 5) { $0[second]?.takenAt ?? 0 > before }
        #expect((next[second]?.takenAt ?? 0) > before)
        #expect(next[second]?.trouble == nil)
        #expect(monotonicNanoseconds() - begin < 2_000_000_000)
        #expect(worker.starts == 1)
    }

    @Test func nobodyWaitsLongerThanHeAllows() throws {
        let fake = try FakeNVML("call fn=nvmlInit_v2 hang=1")
        let worker = fake.worker()
        for _ in 0..<3 {
            let begin = monotonicNanoseconds()
            _ = worker.ask(within: 200_000_000)
            #expect(monotonicNanoseconds() - begin < 400_000_000)
        }
        let answer = worker.ask { $0.says("has not answered for 2 s") }
        #expect(answer.says("the NVIDIA driver has not answered for 2 s (in nvmlInit_v2)"))
    }

    @Test func aCrashIsToldAndItsGPULeftOut() throws {
        let fake = try FakeNVML("call fn=nvmlDeviceGetFieldValues gpu=0 t=1.5 crash=1")
        let worker = fake.worker { $0.restart.first = 300_000_000 }
        let answer = worker.ask { $0.says("signal 11") }
        #expect(
            answer.says(
                "the GPU worker was ended by signal 11 in nvmlDeviceGetFieldValues of GPU \(first)")
        )
        let before = answer[second]?.takenAt ?? 0
        let next = worker.ask { $0.readings.count == 1 && $0[second]?.takenAt ?? 0 > before }
        #expect(next.readings.map(\.pci) == [second])
        #expect(next.says("GPU \(first) is left out for"))
        #expect(next.facts.map(\.pci) == [first, second])
        #expect(worker.starts == 2)
    }

    @Test func aCrashThatComesBackIsLeftAloneLonger() throws {
        let fake = try FakeNVML("call fn=nvmlDeviceGetName gpu=1 crash=1")
        let worker = fake.worker {
            ($0.restart.first, $0.restart.most) = (50_000_000, 50_000_000)
            ($0.leftOut.first, $0.leftOut.most) = (400_000_000, 60_000_000_000)
        }
        let end = monotonicNanoseconds() + 6_000_000_000
        _ = worker.ask(for: 6) { _ in monotonicNanoseconds() >= end }
        // 0.4, 0.8, 1.6 and 3.2 s apart, not once for each restart.
        #expect((3...6).contains(worker.starts), "\(worker.starts)")
    }

    @Test func aLostGPUIsLostAndTheOtherIsNot() throws {
        let fake = try FakeNVML("set gpu=1 t=1.5 lost=1")
        let answer = fake.worker().ask { $0[second]?.isLost == true }
        let lost = try #require(answer[second])
        #expect(lost.trouble?.hasPrefix("the GPU is lost") == true)
        #expect(lost.takenAt > 0)
        #expect(answer[first]?.isLost == false)
    }

    @Test func aStoppedWorkerIsReplaced() throws {
        let fake = try FakeNVML("")
        let worker = fake.worker {
            ($0.silence, $0.restart.first) = (1_000_000_000, 100_000_000)
        }
        _ = worker.ask { $0.readings.count == 2 }
        let pid = try #require(worker.pid)
        kill(pid, SIGSTOP)
        let answer = worker.ask { $0.says("has not answered for 1 s") }
        #expect(answer.says("the GPU worker has not answered for 1 s"))
        _ = worker.ask { _ in worker.starts == 2 && kill(pid, 0) != 0 }
        #expect(kill(pid, 0) != 0)
    }

    @Test func itGoesWithItsParent() throws {
        let fake = try FakeNVML("")
        var pid: Int32 = 0
        do {
            let worker = fake.worker()
            _ = worker.ask { $0.readings.count == 2 }
            pid = try #require(worker.pid)
        }
        for _ in 0..<200 where kill(pid, 0) == 0 {
            waitpid(pid, nil, WNOHANG)
            usleep(10_000)
        }
        #expect(kill(pid, 0) != 0)
    }

    @Test func itHasNoPrivileges() throws {
        let fake = try FakeNVML("")
        let worker = fake.worker()
        _ = worker.ask { $0.readings.count == 2 }
        let pid = try #require(worker.pid)
        let status = try Host().text("/proc/\(pid)/status")
        let lines = status.split(separator: "\n").map(String.init)
        #expect(lines.contains("NoNewPrivs:\t1"))
        #expect(lines.contains("CapEff:\t0000000000000000"))
        #expect(lines.contains("CapPrm:\t0000000000000000"))
        #expect(Host().process(pid).name == gpuWorkerName)
        for thread in Host().process(pid).threads {
            let own = try Host().text("/proc/\(pid)/task/\(thread)/status")
            #expect(own.contains("CapEff:\t0000000000000000\n"))
        }
    }
}
