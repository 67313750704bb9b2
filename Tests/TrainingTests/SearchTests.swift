import Host
import Signals
import Testing
import Training

/// Who trains is found by what processes have open and mapped, and by what they do.
struct SearchTests {
    private static let cuda = "7f00-7f01 r-xp 0 fd:00 31 /usr/lib/libcuda.so.550.54.15\n"
    private static let copying = "7f04-7f05 r-xp 0 fd:00 37 /usr/lib/libgdrapi.so.2\n"
    private static let context = ["/dev/nvidiactl", "/dev/nvidia-uvm"]

    private var devices: [DeviceFacts] {
        ["0000:1b:00.0", "0000:5e:00.0", "0001:00:00.0"].enumerated().map { index, address in
            var gpu = DeviceFacts(kind: .gpu, address: address)
            gpu.names = ["nvidia\(index * 3)", "card\(index)", "renderD\(128 + index)"]
            return gpu
        }
    }

    /// A process that is `age` seconds old and has used `ticks` of CPU time.
    private func write(
        _ tree: borrowing Tree, _ pid: Int32, _ open: [String], maps: String? = nil,
        ticks: UInt64 = 50_000, age: UInt64 = 1_000, parent: Int32 = 1, stack: UInt64 = 0
    ) throws {
        let start = 1_000_000 - age * 100
        try tree.write(
            "/proc/\(pid)/stat",
            "\(pid) (python) S \(parent) 1 1 0 -1 4194560 1 0 5 0 \(ticks) 0 0 0 20 0 3 0 \(start) "
                + "1 1 1 1 1 \(stack) 0")
        try tree.write("/proc/\(pid)/comm", "python")
        try tree.write("/proc/\(pid)/cmdline", "python")
        try tree.write("/proc/uptime", "10000.00 7.00")
        try tree.write("/proc/\(pid)/fd/.keep", "")
        for (index, target) in open.enumerated() {
            try tree.link("/proc/\(pid)/fd/\(index + 3)", to: target)
        }
        if let maps { try tree.write("/proc/\(pid)/maps", maps) }
    }

    private func search(
        _ tree: borrowing Tree, listed: [String: [Int32]] = [:], pause: () -> Void = {}
    ) -> TrainingSearch {
        searchForTraining(on: tree.host, GPUTable(devices, listed: listed), pause: pause)
    }

    @Test func whoComputesTrains() throws {
        let tree = Tree()
        try write(tree, 31, Self.context + ["/dev/nvidia0"], maps: Self.cuda)
        try write(
            tree, 37, ["/dev/kfd", "/dev/dri/renderD128"], maps: "7f r 0 0 3 /libamdhip64.so.6")
        try write(tree, 41, ["/dev/null", "/dev/infiniband/uverbs0"])
        let found = search(tree)
        #expect(found.ranks == [31, 37])
        #expect(found.bystanders.isEmpty && found.refused == 0 && !found.isPartial)
    }

    @Test func toolsThatAskAndDrawDoNotTrain() throws {
        let tree = Tree()
        // nvidia-smi, persistenced, an exporter with CUDA's library loaded and no memory of it,
        // an X server, a browser.
        try write(tree, 31, ["/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia3"], maps: "")
        try write(tree, 37, ["/dev/nvidiactl"], maps: Self.cuda)
        try write(tree, 41, ["/dev/nvidiactl", "/dev/nvidia0"], maps: Self.cuda)
        try write(tree, 43, Self.context + ["/dev/nvidia0"], maps: "7f r 0 0 3 /libGLX_nvidia.so.0")
        try write(tree, 47, ["/dev/dri/renderD128"], maps: "")
        let found = search(tree)
        #expect(found.ranks.isEmpty)
        #expect(found.bystanders.map(\.pid) == [31, 41, 43])
        #expect(found.bystanders.allSatisfy { $0.reason == .noContext && $0.name == "python" })
    }

    @Test func whoDoesNothingDoesNotTrain() throws {
        let tree = Tree()
        let open = Self.context + ["/dev/nvidia0"]
        // A thousandth of 1,000 s are 100 ticks.
        try write(tree, 31, open, maps: Self.cuda, ticks: 99)
        try write(tree, 37, open, maps: Self.cuda, ticks: 100)
        try write(tree, 41, open, maps: Self.cuda, ticks: 7)
        var pauses = 0
        let found = search(tree) {
            pauses += 1
            try? write(tree, 41, [], ticks: 8)
        }
        #expect(found.ranks == [37, 41] && pauses == 1)
        #expect(found.bystanders == [.init(pid: 31, name: "python", reason: .idle)])
    }

    @Test func nobodyIsLookedAtTwiceWithoutNeed() throws {
        let tree = Tree()
        try write(tree, 31, Self.context + ["/dev/nvidia0"], maps: Self.cuda)
        try write(tree, 37, ["/dev/null"], ticks: 0)
        #expect(search(tree) { Issue.record("paused") }.ranks == [31])
    }

    @Test func theDriversListIsBelieved() throws {
        let tree = Tree()
        try write(tree, 31, ["/dev/nvidiactl"], maps: "")
        try tree.write("/proc/37/stat", "37 (x) S 1 1 1 0 -1 0 1 0 5 0 9000 0 0 0 20 0 3 0 1 1 1 1")
        try tree.write("/proc/37/cmdline", "x")
        let listed: [String: [Int32]] = ["0000:5e:00.0": [31, 37], "0001:00:00.0": [37, 9_999]]
        let found = search(tree, listed: listed)
        #expect(found.ranks == [31, 37] && found.refused == 0)
        #expect(search(tree).refused == 1)
        let table = GPUTable(devices, listed: listed)
        #expect(table.use(by: 37, tree.host.process(37))?.gpus == ["0000:5e:00.0", "0001:00:00.0"])
    }

    @Test func theGPUIsKnownByItsFile() throws {
        let tree = Tree()
        let table = GPUTable(devices)
        func gpus(_ open: [String], maps: String? = nil) throws -> [String]? {
            let tree = Tree()
            try write(tree, 31, open, maps: maps)
            return table.use(by: 31, tree.host.process(31))?.gpus
        }
        #expect(try gpus(["/dev/nvidia3"]) == ["0000:5e:00.0"])
        #expect(try gpus(["/dev/nvidia1"]) == [])
        #expect(try gpus(["/dev/kfd", "/dev/dri/renderD130"]) == ["0001:00:00.0"])
        #expect(try gpus(["/dev/dri/renderD130"]) == [])
        let all = Self.context + ["/dev/nvidia0", "/dev/nvidia3", "/dev/nvidia6"]
        #expect(try gpus(all, maps: Self.cuda)?.count == 3)
        // CUDA opens every GPU that it may see; the one with a context is mapped.
        let one = Self.cuda + "7f rw-s 0 00:06 440 /dev/nvidia6\n7f rw-s 0 00:06 9 /dev/nvidiactl"
        #expect(try gpus(all, maps: one) == ["0001:00:00.0"])
        #expect(table.use(by: 99, tree.host.process(99)) == nil)
    }

    @Test func emptyAndDamagedTreesFindNobody() throws {
        let tree = Tree()
        #expect(search(tree) == TrainingSearch())
        try tree.write("/proc/31/stat", "garbage")
        try tree.link("/proc/31/fd/3", to: "/dev/nvidia0")
        try tree.write("/proc/uptime", "-1 x")
        // Nothing but the open file is known: that is evidence, and no age is.
        #expect(search(tree).ranks == [31])
    }

    @Test func theWatcherKnowsTheGPUsOfARank() throws {
        let tree = Tree()
        try write(tree, 31, Self.context + ["/dev/nvidia0"], maps: Self.cuda)
        try write(tree, 37, ["/dev/nvidiactl", "/dev/nvidia0"], maps: "")
        try write(tree, 41, ["/dev/null"], maps: Self.copying)
        var watcher = JobWatcher(on: tree.host, scope: .processes, gpus: GPUTable(devices))
        let threads = Threads(
            threads: [31, 37, 41].map { (pid: Int32) in
                var thread = ThreadActivity(tid: pid, pid: pid, name: "python")
                thread.time = StateTimes([.running: 5_000_000, .sleeping: 5_000_000])
                return thread
            })
        watcher.update(threads)
        // NCCL loads libraries when its first communicator is made, long after the start.
        #expect(watcher.job(threads).process(31)?.hasGDRCopy == false)
        try tree.write("/proc/31/maps", Self.cuda + Self.copying)
        #expect(watcher.job(threads).process(31)?.hasGDRCopy == true)
        // A driver's list that comes late is used at the end, and an end closes the files.
        try tree.remove("/proc/31/fd")
        watcher.gpus.listed = ["0000:5e:00.0": [31]]
        let job = watcher.job(threads)
        #expect(job.process(31)?.gpus == ["0000:5e:00.0"])
        #expect(job.process(31)?.computesOnGPU == true)
        #expect(job.process(37)?.gpus == [] && job.process(37)?.hasDeviceOpen == false)
        #expect(job.process(41)?.hasGDRCopy == false, "its mappings are not worth reading")
        #expect(job.roles == [31: .launch])
    }

    /// A fork has its parent's devices open and cannot use them; what was started anew can.
    @Test func loadersThatWereForkedAreNoRanks() throws {
        let tree = Tree()
        let open = Self.context + ["/dev/nvidia0"]
        let stack: UInt64 = 0x7ffd_0000_1000
        try write(tree, 31, open, maps: Self.cuda, stack: stack)
        try write(tree, 37, open, maps: Self.cuda, ticks: 0, parent: 31, stack: stack)
        try write(tree, 41, open, maps: Self.cuda, parent: 37, stack: stack)
        try write(tree, 43, open, maps: Self.cuda, parent: 31, stack: stack + 4_096)
        // Hidden: no evidence.
        try write(tree, 47, open, maps: Self.cuda, parent: 53, stack: 1)
        try write(tree, 53, open, maps: Self.cuda, stack: 1)
        let found = search(tree) { Issue.record("paused") }
        #expect(found.ranks == [31, 43, 47, 53] && found.bystanders.isEmpty)
        let table = GPUTable(devices)
        let facts = [31, 37, 41, 43].compactMap { (pid: Int32) in
            ProcessFacts(reading: tree.host.process(pid), pid: pid, table)
        }
        #expect(facts.allSatisfy { $0.computesOnGPU && $0.gpus.count == 1 })
        let own = facts.withoutInheritedDevices
        #expect(own.filter(\.computesOnGPU).map(\.pid) == [31, 43])
        #expect(own.filter(\.hasDeviceOpen).map(\.pid) == [31, 43])
        #expect(own.filter { $0.gpus.isEmpty }.map(\.pid) == [37, 41])
    }
}
