import Host
import Signals
import Testing
import Training

/// Who launches, who loads, who talks to the network: told by what threads do.
@Suite struct RolesTests {
    private let second: UInt64 = 1_000_000_000

    private func ms(_ count: UInt64) -> UInt64 { count * 1_000_000 }

    /// A thread that is seen for `seen` seconds and asleep for what `times` leaves.
    private func thread(
        _ tid: Int32, pid: Int32, name: String = "python", seen: UInt64 = 10,
        _ times: [ThreadState: UInt64] = [:], _ change: (inout ThreadActivity) -> Void = { _ in }
    ) -> ThreadActivity {
        var thread = ThreadActivity(tid: tid, pid: pid, name: name)
        thread.time = StateTimes(times)
        thread.time[.sleeping] = seen * second - thread.time.total
        change(&thread)
        return thread
    }

    private func process(
        _ pid: Int32, parent: Int32 = 1, device: Bool = false, name: String = "python"
    ) -> ProcessFacts {
        var process = ProcessFacts(pid: pid, parent: parent, name: name)
        process.computesOnGPU = device
        return process
    }

    private func roles(
        _ threads: [ThreadActivity], _ processes: [ProcessFacts]
    ) -> [Int32: Role] {
        Training.roles(of: Threads(threads: threads), in: processes)
    }

    // Which process is a rank

    @Test func aProcessWithADeviceOpenIsARank() {
        let found = roles(
            [
                thread(300, pid: 300, [.running: ms(7_001)]),
                thread(401, pid: 401, [.running: ms(5_003)]),
                thread(503, pid: 503, [.running: ms(5_003)]),
            ], [process(300), process(401, parent: 300, device: true), process(503, parent: 401)])
        #expect(found == [401: .launch, 503: .loader])
    }

    @Test func theFirstActiveProcessDownTheTreeIsTheRank() {
        let found = roles(
            [
                thread(300, pid: 300, [.running: ms(99)]),
                thread(401, pid: 401, [.running: ms(100)]),
                thread(503, pid: 503, [.running: ms(5_003)]),
                thread(509, pid: 509, [.running: ms(7)]),
            ],
            [
                process(300), process(401, parent: 300), process(503, parent: 401),
                process(509, parent: 503),
            ])
        #expect(found == [401: .launch, 503: .loader, 509: .loader])
        let parentWorks = roles(
            [
                thread(300, pid: 300, [.running: ms(100)]),
                thread(401, pid: 401, [.running: ms(9_001)]),
            ], [process(300), process(401, parent: 300)])
        #expect(parentWorks == [300: .launch, 401: .loader])
    }

    @Test func waitingForACPUIsWorkToo() {
        let found = roles(
            [
                thread(300, pid: 300, [.waiting: ms(31), .throttled: ms(31), .reclaim: ms(39)]),
                thread(401, pid: 401, [.running: ms(9_001)]),
            ], [process(300), process(401, parent: 300)])
        #expect(found == [300: .launch, 401: .loader])
    }

    @Test func aLauncherOfManyRanksIsNone() {
        let pids: [Int32] = [401, 409, 419, 421]
        let found = roles(
            [thread(300, pid: 300, name: "torchrun", [.running: ms(31)])]
                + pids.map { thread($0, pid: $0, [.running: ms(5_003)]) }
                + pids.map { thread($0 + 1_000, pid: $0 + 1_000, [.running: ms(701)]) },
            [process(300, name: "torchrun")] + pids.map { process($0, parent: 300) }
                + pids.map { process($0 + 1_000, parent: $0) })
        #expect(found.filter { $0.value == .launch }.keys.sorted() == pids)
        #expect(found.filter { $0.value == .loader }.keys.sorted() == pids.map { $0 + 1_000 })
        #expect(found[300] == nil)
    }

    @Test func helpersThatEndEarlyAreLoaders() {
        let helper = thread(601, pid: 601, seen: 1, [.running: ms(501)]) {
            $0.parent = 401
            $0.hasExited = true
        }
        let found = roles(
            [thread(401, pid: 401, [.running: ms(5_003)]), helper], [process(401)])
        #expect(found == [401: .launch, 601: .loader])
    }

    @Test func whatIsSeenForLessThanATenthIsNoRank() {
        func found(_ seen: UInt64) -> Role? {
            roles(
                [
                    thread(401, pid: 401, [.running: ms(5_003)]),
                    thread(601, pid: 601, seen: seen, [.running: ms(501)]),
                ], [process(401), process(601)])[601]
        }
        #expect(found(1) == .launch)
        let brief = roles(
            [
                thread(401, pid: 401, seen: 11, [.running: ms(5_003)]),
                thread(601, pid: 601, seen: 1, [.running: ms(501)]) { $0.parent = 1 },
            ], [process(401)])
        #expect(brief == [401: .launch])
    }

    @Test func parentsInACircleDoNotHang() {
        let found = roles(
            [
                thread(401, pid: 401, [.running: ms(5_003)]),
                thread(409, pid: 409, [.running: ms(5_003)]),
            ], [process(401, parent: 409), process(409, parent: 401)])
        #expect(found.isEmpty)
    }

    @Test func nobodyWorksNobodyHasARole() {
        #expect(roles([], []) == [:])
        #expect(roles([thread(401, pid: 401)], [process(401)]) == [:])
        #expect(roles([ThreadActivity(tid: 7, pid: 7, name: "")], [process(7)]) == [:])
    }

    // Which thread of a rank does what

    /// Roles in one rank, pid 401, whose main thread runs for `main` ms.
    private func inRank(
        main: UInt64, wakeUps: UInt64 = 0, _ others: ThreadActivity...
    ) -> [Int32: Role] {
        let first = thread(401, pid: 401, [.running: ms(main)]) { $0.voluntarySwitches = wakeUps }
        return roles([first] + others, [process(401, device: true)])
    }

    @Test func theMainThreadLaunchesUnlessItOnlyWaits() {
        let busy = thread(409, pid: 401, [.running: ms(9_001)])
        #expect(inRank(main: 100, busy) == [401: .launch, 409: .other])
        #expect(inRank(main: 99, busy) == [401: .other, 409: .launch])
        #expect(inRank(main: 7, wakeUps: 200, busy) == [401: .launch, 409: .other])
        #expect(inRank(main: 7, wakeUps: 199, busy) == [401: .other, 409: .launch])
    }

    @Test func aThreadThatYieldsAllTheTimeCommunicates() {
        func role(_ yields: UInt64) -> Role? {
            inRank(
                main: 5_003, thread(409, pid: 401, [.running: ms(9_001)]) { $0.yields = yields }
            )[409]
        }
        #expect(role(1_000) == .nccl)
        #expect(role(999) == .other)
    }

    @Test(arguments: [
        ("pt_autograd_0", Role.autograd), ("pt_data_pin", .pinMemory),
        ("pt_data_worker", .loader), ("NCCL Progress", .nccl), ("python", .other),
    ])
    func pyTorchAndNCCLNameTheirThreads(name: String, role: Role) {
        let named = thread(409, pid: 401, name: name, [.running: ms(31)])
        #expect(inRank(main: 5_003, named)[409] == role)
    }

    @Test func whoeverWritesAFifthOfItsTimeSavesCheckpoints() {
        func writer(_ pid: Int32, _ writing: UInt64) -> ThreadActivity {
            thread(509, pid: pid, [.io: ms(3_001)]) { $0.writing = writing }
        }
        #expect(inRank(main: 5_003, writer(401, ms(2_000)))[509] == .checkpoint)
        #expect(inRank(main: 5_003, writer(401, ms(2_000) - 1))[509] == .other)
        func child(_ writing: UInt64) -> Role? {
            roles(
                [thread(401, pid: 401, [.running: ms(5_003)]), writer(509, writing)],
                [process(401, device: true), process(509, parent: 401)])[509]
        }
        #expect(child(ms(2_000)) == .checkpoint)
        #expect(child(ms(2_000) - 1) == .loader)
    }

    @Test func aLaunchThreadThatWritesStillLaunches() {
        let found = roles(
            [
                thread(401, pid: 401, [.running: ms(5_003), .io: ms(3_001)]) {
                    $0.writing = ms(3_001)
                }
            ], [process(401, device: true)])
        #expect(found == [401: .launch])
    }

    // What processes have open

    @Test func aToolThatARankStartedIsNoLoader() {
        func role(_ change: (inout ProcessFacts) -> Void) -> Role? {
            var rank = process(401, device: true)
            (rank.executable, rank.pipes) = ("/usr/bin/python3", [31, 37])
            var child = process(503, parent: 401)
            (child.executable, child.pipes) = ("/usr/bin/python3", [])
            change(&child)
            return roles(
                [
                    thread(401, pid: 401, [.running: ms(5_003)]),
                    thread(503, pid: 503, [.running: ms(701)]),
                ], [rank, child])[503]
        }
        #expect(role { _ in } == .loader)
        #expect(role { $0.executable = "/usr/bin/nvidia-smi" } == nil)
        #expect(role { ($0.executable, $0.pipes) = ("/opt/decode", [37]) } == .loader)
        #expect(role { ($0.executable, $0.pipes) = ("/opt/decode", nil) } == .loader)
        #expect(role { ($0.executable, $0.pipes) = (nil, [41]) } == .loader)
    }

    @Test func whoWaitsForTheFabricCommunicates() {
        let found = Training.roles(
            of: Threads(threads: [
                thread(401, pid: 401, [.running: ms(5_003)]),
                thread(409, pid: 401, [.running: ms(7)]), thread(419, pid: 401),
            ]), in: [process(401, device: true)],
            reading: [
                401: "anon_inode:[infinibandevent]", 409: "anon_inode:[infinibandevent]",
                419: "anon_inode:[eventfd]",
            ])
        #expect(found == [401: .launch, 409: .nccl, 419: .other])
    }

    /// Older PyTorch gives the thread no name.
    @Test func whoWaitsForWhatALoaderHandsOverPinsMemory() {
        var (rank, loader) = (process(401, device: true), process(503, parent: 401))
        (rank.pipes, loader.pipes) = ([31, 37], [37, 41])
        let found = Training.roles(
            of: Threads(threads: [
                thread(401, pid: 401, [.running: ms(5_003)]),
                thread(409, pid: 401), thread(419, pid: 401), thread(421, pid: 401),
                thread(503, pid: 503, [.running: ms(701)]),
            ]), in: [rank, loader],
            reading: [
                401: "pipe:[37]", 409: "pipe:[37]", 419: "pipe:[31]", 421: "pipe:[41]",
                503: "pipe:[37]",
            ])
        #expect(
            found == [
                401: .launch, 409: .pinMemory, 419: .other, 421: .other, 503: .loader,
            ])
    }

    @Test func aThreadThatPollsOneFileWaitsForIt() throws {
        let tree = Tree()
        let folder = "/proc/42/task/43"
        try tree.write("\(folder)/mem", bytes: [9, 9, 9, 9, 31, 0, 0, 0, 1, 0])
        try tree.link("\(folder)/fd/31", to: "pipe:[37]")
        func waits(_ call: String) throws -> String? {
            try tree.write("\(folder)/syscall", call)
            return tree.host.process(42).thread(43).waitsToRead
        }
        for call in ["7 0x4 0x1 0x1388", "271 0x4 0x1 0x7f", "73 0x4 0x1 0x7f"] {
            #expect(try waits(call) == "pipe:[37]")
        }
        let others = [
            "7 0x4 0x2 0x1388", "7 0x8 0x1 0x0", "7 0xffffffffffffffff 0x1 0x0", "7 0x4", "7",
            "23 0x4 0x1", "7 0x0 0x1",
        ]
        for call in others { #expect(try waits(call) == nil, "\(call)") }
    }

    @Test func theWatcherAsksThreadsWhatTheyWaitFor() throws {
        let tree = Tree()
        try tree.write(
            "/proc/42/stat",
            "42 (train) S 41 42 42 0 -1 4194560 123 0 5 0 31 17 0 0 20 0 3 0 9876 1 1 1")
        try tree.link("/proc/42/fd/9", to: "/dev/infiniband/uverbs0")
        let calls = [
            "0 0x1f 0x7f", "63 0x1f 0x7f", "0 0x20 0x7f", "running", "0", "7 0x1f", "-1 0x1f",
        ]
        for (index, call) in calls.enumerated() {
            try tree.write("/proc/42/task/\(43 + index)/syscall", call)
            let files = "/proc/42/task/\(43 + index)/fd"
            try tree.link("\(files)/31", to: "anon_inode:[infinibandevent]")
            try tree.link("\(files)/32", to: "anon_inode:[eventfd]")
        }
        let threads = Threads(
            threads: [thread(42, pid: 42, [.running: ms(5_003)])]
                + calls.indices.map { thread(43 + Int32($0), pid: 42) })
        var watcher = JobWatcher(on: tree.host, scope: .processes)
        watcher.update(threads)
        // What they waited for then is not forgotten when they wait for something else.
        try tree.write("/proc/42/task/43/syscall", "202 0x7f")
        let found = watcher.job(threads).roles
        #expect(found.filter { $0.value == .nccl }.keys.sorted() == [43, 44])
        #expect(found[42] == .launch)
    }
}
