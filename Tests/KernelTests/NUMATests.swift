import Glibc
import Host
import Signals
import Testing

extension Kernel {
    /// The NUMA probe, made to load whatever the number of nodes of this machine.
    @Suite(.probes) struct NUMATests {
        private func source() -> Source {
            var facts = HostFacts()
            facts.topology.nodes = [0, 1].map { id in
                NodeFacts(id: id, cpus: CPUList([id]), memoryBytes: 1 << 30, distances: [])
            }
            return Source(host: Host(), facts: facts, watch: Watch())
        }

        @Test func everyHookIsAttachedOrSaysWhyNot() throws {
            let hooks = source().hooks.filter { $0.probe == "numa" }
            let moves = try #require(hooks.first { $0.hook == "mm_migrate_pages" })
            #expect(moves.reason == nil)
            let scans = hooks.filter { $0.hook.hasSuffix("/task_numa_work") }
            let attached = scans.filter { $0.reason == nil }
            // A pair of programs, or one reason that has all the ways that were tried.
            if attached.isEmpty {
                let reason = scans.first?.reason ?? ""
                #expect(scans.count == 1)
                #expect(
                    reason == HookState.noFunction
                        || ["fentry: ", "kprobe: "].allSatisfy(reason.contains))
            } else {
                #expect(attached.count == 2 && scans.count == 2)
            }
            #expect(hooks.allSatisfy { $0.signal == "numa-balancing" })
        }

        @Test func aGapIsToldOnlyWhileBalancingIsOn() throws {
            let source = source()
            let balancing = try NUMABalancing.open(on: source)()
            let setting = Host().sysctl("kernel.numa_balancing") ?? "0"
            let isSeen = source.hooks.filter { $0.hook.hasSuffix("/task_numa_work") }
                .allSatisfy { $0.reason == nil }
            #expect(balancing.gaps.reasons.isEmpty == (isSeen || setting == "0"))
            #expect((balancing.scans == nil) == (!isSeen && setting != "0"))
        }

        @Test func pagesThatCompactionMovesAreCountedUnderItsName() throws {
            let read = try NUMABalancing.open(on: source())
            let earlier = try read()
            let before = try VirtualMemory.open(on: source())()["pgmigrate_success"]
            try whileFragmented {
                let file = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC)
                try #require(file >= 0)
                defer { close(file) }
                #expect(write(file, "1", 1) == 1)
            }
            let moved = try VirtualMemory.open(on: source())()["pgmigrate_success"] - before
            let change = try read().since(earlier)
            try #require(moved > 0, "nothing was moved")
            #expect(change.migrated["compaction"] ?? 0 > 0)
            #expect(change.migrated.values.reduce(0, +) <= moved)
            #expect(change.gaps.lost == 0)
        }

        /// Holds a range of which every second page was given back: holes to be filled.
        private func whileFragmented(_ act: () throws -> Void) throws {
            let page = 4096
            let size = 64 << 20
            let start = try #require(
                mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
            try #require(start != MAP_FAILED)
            defer { munmap(start, size) }
            madvise(start, size, MADV_NOHUGEPAGE)
            for offset in stride(from: 0, to: size, by: page) {
                start.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
            }
            for offset in stride(from: 0, to: size, by: 2 * page) {
                madvise(start + offset, page, MADV_DONTNEED)
            }
            try act()
        }
    }
}
