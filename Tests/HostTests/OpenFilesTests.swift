import Glibc
import Machines
import Testing

@testable import Host

struct OpenFilesTests {
    private func files(_ targets: [String]) throws -> OpenFiles {
        let tree = Tree()
        tree.makeFolder("/proc/42/fd")
        for (index, target) in targets.enumerated() {
            try tree.link("/proc/42/fd/\(index)", to: target)
        }
        return try #require(tree.host.process(42).descriptors())
    }

    @Test func onlyGPUsThemselvesCountAsGPUs() throws {
        let tool = try files(["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-modeset"])
        #expect(!tool.hasGPU && tool.gpuFiles.isEmpty && !tool.isSetToCompute)
        let job = try files(["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia11", "/dev/nvidia2"])
        #expect(job.gpuFiles == ["nvidia11", "nvidia2"] && job.isSetToCompute)
        let asking = try files(["/dev/nvidiactl", "/dev/nvidia2", "/dev/nvidia2"])
        #expect(asking.hasGPU && !asking.isSetToCompute && asking.count == 3)
    }

    @Test func aRenderNodeCountsWhereItIsComputedOn() throws {
        let screen = try files(["/dev/dri/card0", "/dev/dri/renderD128"])
        #expect(!screen.hasGPU && screen.gpuFiles.isEmpty)
        let job = try files(["/dev/kfd", "/dev/dri/renderD129", "/dev/dri/renderD128"])
        #expect(job.gpuFiles == ["renderD128", "renderD129"] && job.isSetToCompute)
    }

    @Test func standardStreamsAreNobodysPipes() throws {
        let targets = ["pipe:[7]", "pipe:[8]", "pipe:[9]", "pipe:[31]", "socket:[5]", "pipe:[31]"]
        let open = try files(targets + ["pipe:[", "pipe:[x]", "/dev/", "a", "/tmp/pipe:[3]"])
        #expect(open.pipes == [31])
        #expect(open.devices.isEmpty)
    }

    @Test func hostileNamesAreNoDevices() throws {
        let open = try files([
            "/dev/nvidia", "/dev/nvidia-1", "/dev/nvidia99999999999999999999", "/tmp/dev/nvidia0",
            "/dev/nvidia0 (deleted)", "/dev/shm/" + String(repeating: "x", count: 500),
            "/dev/nvidia3/" + String(repeating: "y", count: 500), "/dev/dri/renderD",
        ])
        #expect(open.gpuFiles == ["nvidia0"])
        #expect(!open.hasFabric && !open.isSetToCompute)
    }

    @Test func looksAtNoMoreThanItMay() throws {
        let tree = Tree()
        for index in 0..<20 { try tree.link("/proc/42/fd/\(index)", to: "/dev/null") }
        #expect(tree.host.process(42).descriptors(most: 7)?.count == 7)
        #expect(tree.host.process(43).descriptors() == nil)
    }

    @Test func findsTheRuntimeAndTheGPUsThatAreMapped() throws {
        let tree = Tree()
        func mapped(_ text: String) throws -> MappedDevices? {
            try tree.write("/proc/42/maps", text)
            return tree.host.process(42).mappedDevices
        }
        #expect(tree.host.process(42).mappedDevices == nil)
        let cuda = "7f00-7f01 r-xp 00000000 fd:00 31 /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15"
        let register = "7f02-7f03 rw-s 00000000 00:06 440 /dev/nvidia3"
        let both = try #require(try mapped("\(cuda)\n\(register)\n7f04-7f05 rw-p 00 00:00 0"))
        #expect(both.hasRuntime && both.gpuFiles == ["nvidia3"] && !both.hasGDRCopy)
        let copying = "7f00-7f01 r-xp 0 fd:00 37 /usr/lib/x86_64-linux-gnu/libgdrapi.so.2.4"
        #expect(try mapped("\(cuda)\n\(copying)\n")?.hasGDRCopy == true)
        #expect(
            try mapped("\(cuda)\n7f r /libgdrapi.so/x\n7f r /xlibgdrapi.so")?.hasGDRCopy == false)
        let asking =
            "7f00-7f01 r-xp 0 fd:00 3 /usr/lib/libnvidia-ml.so.1\n7f r /lib/libcudart.so.12"
        #expect(try mapped(asking) == MappedDevices())
        #expect(
            try mapped("7f00-7f01 r-xp 0 0 3 /opt/rocm/lib/libhsa-runtime64.so.1")?.hasRuntime
                == true)
        #expect(try mapped("") == MappedDevices())
        #expect(try mapped("/////\n/dev/\n/tmp/nvidia3\n\0\0/libcuda") == MappedDevices())
        let many = Array(
            repeating: "7f00-7f01 r--p 00000000 fd:00 31 /usr/lib/libc.so.6", count: 3_000)
        #expect(try mapped((many + [cuda]).joined(separator: "\n"))?.hasRuntime == true)
    }

    @Test func seesItsOwnPipe() throws {
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        var status = stat()
        try #require(fstat(ends[0], &status) == 0)
        let own = try #require(Host().process(getpid()).descriptors())
        #expect(own.pipes.contains(UInt64(status.st_ino)))
        #expect(own.count > 4)
    }
}
