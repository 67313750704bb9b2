import Host
import Signals
import Testing
import Training

/// Where the memory of processes lies: who is asked, how long, and on which hosts.
struct PlacementTests {
    private func thread(
        _ tid: Int32, pid: Int32, ran milliseconds: UInt64, exited: Bool = false
    ) -> ThreadActivity {
        var thread = ThreadActivity(tid: tid, pid: pid, name: "t")
        thread.time = StateTimes([.running: milliseconds * 1_000_000])
        thread.hasExited = exited
        return thread
    }

    private func write(_ tree: borrowing Tree, _ pid: Int32, node: Int, areas: Int = 1) throws {
        let line = "7f0000000000 default anon=3 dirty=3 N\(node)=3 kernelpagesize_kB=4"
        let text = Array(repeating: line, count: areas).joined(separator: "\n")
        try tree.write("/proc/\(pid)/numa_maps", text)
    }

    @Test func everyLiveProcessIsAsked() throws {
        let tree = Tree()
        for pid in [40, 41, 42] as [Int32] { try write(tree, pid, node: Int(pid) - 40) }
        let threads = Threads(threads: [
            thread(40, pid: 40, ran: 1), thread(41, pid: 41, ran: 5), thread(43, pid: 41, ran: 5),
            thread(42, pid: 42, ran: 9, exited: true), thread(44, pid: 44, ran: 3),
            thread(0, pid: 0, ran: 100),
        ])
        let found = memoryPlacements(of: threads, roles: [:], on: tree.host)
        #expect(found.keys.sorted() == [40, 41])
        #expect(found[41]?.anonymous == [1: 3 * 4096])
    }

    /// The clock goes on by `step` milliseconds with every question.
    private func clock(_ step: UInt64) -> () -> UInt64 {
        var now: UInt64 = 0
        return {
            now += step * 1_000_000
            return now
        }
    }

    @Test func ranksComeFirstAndThenTheBusiest() throws {
        let tree = Tree()
        for pid in 1...9 as ClosedRange<Int32> { try write(tree, pid, node: 0) }
        let threads = Threads(
            threads: (1...9).map { thread($0, pid: $0, ran: UInt64($0) * 7) })
        // Two questions for each process, 250 ms: the first to answer are the first in order.
        let found = memoryPlacements(
            of: threads, roles: [2: .launch, 3: .other], on: tree.host, clock: clock(31))
        #expect(found.keys.sorted() == [2, 7, 8, 9])
    }

    @Test func oneHugeRankLeavesTimeToTheOthers() throws {
        let tree = Tree()
        try write(tree, 1, node: 0, areas: 40_000)
        try write(tree, 2, node: 1)
        let threads = Threads(threads: [thread(1, pid: 1, ran: 9), thread(2, pid: 2, ran: 1)])
        let found = memoryPlacements(
            of: threads, roles: [1: .launch, 2: .launch], on: tree.host, clock: clock(10))
        #expect(found[1]?.gap?.contains("the time for numa_maps was over") == true)
        #expect(found[2]?.anonymous == [1: 3 * 4096] && found[2]?.gap == nil)
    }

    @Test func noMoreProcessesThanTheLimit() throws {
        let tree = Tree()
        for pid in 1...70 as ClosedRange<Int32> { try write(tree, pid, node: 0) }
        let threads = Threads(threads: (1...70).map { thread($0, pid: $0, ran: UInt64($0)) })
        let found = memoryPlacements(of: threads, roles: [:], on: tree.host, clock: { 0 })
        #expect(found.keys.sorted() == Array(7...70))
    }

    @Test(arguments: [(1, false), (2, true)])
    func theJobKnowsItsMemoryWhereThereIsMoreThanOneNode(nodes: Int, isKnown: Bool) throws {
        let tree = Tree()
        try tree.write(
            "/proc/42/stat",
            "42 (train) S 41 42 42 0 -1 4194560 123 0 5 0 31 17 0 0 20 0 3 0 9876 1 1 1")
        try tree.write("/proc/42/status", "Cpus_allowed_list:\t0-3\nMems_allowed_list:\t0,2-3")
        try write(tree, 42, node: 1)
        var topology = Topology()
        topology.nodes = [
            NodeFacts(id: 7, cpus: CPUList([0]), memoryBytes: 0, distances: [])
        ]
        for id in 0..<nodes {
            topology.nodes.append(
                NodeFacts(id: id, cpus: CPUList([id]), memoryBytes: 1 << 30, distances: []))
        }
        for scope in [Job.Scope.processes, .host] {
            var watcher = JobWatcher(on: tree.host, scope: scope, topology: topology)
            let threads = Threads(threads: [thread(42, pid: 42, ran: 500)])
            watcher.update(threads)
            let process = try #require(watcher.job(threads).process(42))
            #expect(process.allowedNodes == [0, 2, 3])
            #expect((process.memory?.anonymous == [1: 3 * 4096]) == isKnown)
            #expect((process.memory == nil) == !isKnown)
            try tree.remove("/proc/42/numa_maps")
            #expect(watcher.job(threads).process(42)?.memory == nil)
            try write(tree, 42, node: 1)
        }
    }
}
