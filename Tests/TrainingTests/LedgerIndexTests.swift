import Signals
import Testing
import Training

struct LedgerIndexTests {
    private let program = Culprit(kind: .process, id: 900, name: "rsync")
    private let worker = Culprit(kind: .kthread, id: 37, name: "kworker/1:1")

    /// Threads 11 and 13 of process 11, and 21 of process 21; the number 13 was used again.
    private func index(_ waits: [Wait] = [], roles: [Int32: Role] = [:]) -> LedgerIndex {
        let pids: [(tid: Int32, pid: Int32)] = [(11, 11), (13, 11), (21, 21), (13, 11)]
        let threads = pids.enumerated().map { place, id in
            var thread = ThreadActivity(tid: id.tid, pid: id.pid, name: "t\(place)")
            thread.timeByNode = [0: UInt64(place), 3: 10]
            return thread
        }
        let job = Job(processes: [ProcessFacts(pid: 77, name: "asleep")], roles: roles)
        return LedgerIndex(Threads(threads: threads, waits: waits), job)
    }

    @Test func threadsAreFoundByRoleProcessAndNumber() {
        let index = index(roles: [11: .launch, 13: .nccl, 21: .loader])
        #expect(index.launch.map(\.name) == ["t0"])
        #expect(index.critical.map(\.name) == ["t0", "t1", "t3"])
        #expect(index.loaderPids == [21])
        #expect(index.pids == [11, 21, 77])
        #expect(index.threads(of: 11).map(\.name) == ["t0", "t1", "t3"])
        #expect(index.threads(of: 5).isEmpty)
        #expect(index.timeByNode(of: 11) == [0: 4, 3: 30])
        #expect((0..<4).map(index.role(at:)) == [.launch, .nccl, .loader, .nccl])
    }

    @Test(arguments: -1...4)
    func thePlaceBeforeIsOnlyAHint(hint: Int) {
        let index = index()
        let places = [11, 13, 21, 99].map { index.place(of: $0, after: hint) }
        #expect(places == [0, 1, 2, nil])
    }

    @Test func waitsAreSummedByThreadForTheCulpritsAskedFor() {
        let index = index([
            Wait(tid: 13, culprit: program, nanoseconds: 5),
            Wait(tid: 21, culprit: worker, nanoseconds: 70),
            Wait(tid: 99, culprit: program, nanoseconds: 1_000),
            Wait(tid: 13, culprit: program, nanoseconds: 7),
            Wait(tid: 11, culprit: worker, nanoseconds: 300),
        ])
        #expect(index.lost { $0.kind == .process } == [0, 12, 0, 0])
        #expect(index.lost { $0.kind == .kthread } == [300, 0, 70, 0])
        #expect(index.lost { $0.kind == .idle } == nil)
        #expect(index.waits { $0 == program }.map(\.nanoseconds) == [5, 1_000, 7])
        let two = ThreadNumbers([11, 13])
        #expect(index.waits(of: two) { _ in true }.map(\.nanoseconds) == [5, 7, 300])
        #expect(index.hasWaits { $0.name == "rsync" })
        #expect(!index.hasWaits { $0.name == "cron" })
    }

    @Test func anEmptyLedgerHasNothing() {
        let index = LedgerIndex(Threads(), Job())
        #expect(index.launch.isEmpty && index.pids.isEmpty && index.threadCount == 0)
        #expect(index.place(of: 0) == nil)
        #expect(index.lost { _ in true } == nil)
    }

    /// Pids are used again, and 64 numbers share one place where recent culprits are kept.
    @Test func culpritsAreTheSameOnlyWithEqualFacts() {
        let others = [program, worker, program].map { Wait(tid: 1, culprit: $0, nanoseconds: 1) }
        var named = program
        named.name = "rsyncd"
        let far = Culprit(kind: .process, id: 900 + 64, name: "rsync")
        let copy = Culprit(kind: .process, id: 900, name: "rsync")
        let waits = others + [named, far, copy].map { Wait(tid: 1, culprit: $0, nanoseconds: 1) }
        let numbers = CulpritNumbers(waits)
        #expect(numbers.byWait == [0, 1, 0, 2, 3, 0])
        #expect(numbers.all == [program, worker, named, far])
        #expect(numbers.number(of: copy) == 0)
        #expect(numbers.number(of: Culprit(kind: .yield)) == nil)
    }

    @Test func manyNumbersAreToldApartLikeASet() {
        let some = ThreadNumbers([5, 69, .max, -1])
        #expect([5, 69, .max, -1].allSatisfy(some.contains))
        #expect([133, 0, 63, .min, 6].allSatisfy { !some.contains($0) })
        #expect(!ThreadNumbers([]).contains(0))
    }

    @Test func groupsKeepTheOrderOfTheirEntries() {
        let groups = Groups([2, 0, -1, 2, 0, 2], below: 4)
        let members = (0..<4).map { Array(groups.order[groups.range(of: $0)]) }
        #expect(members == [[1, 4], [], [0, 3, 5], []])
        #expect(Groups([], below: 0).order.isEmpty)
    }
}
