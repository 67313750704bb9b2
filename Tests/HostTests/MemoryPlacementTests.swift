import FoundationEssentials
import Machines
import Testing

@testable import Host

/// /proc/PID/numa_maps: kinds, policies, limits, and what no kernel writes.
struct MemoryPlacementTests {
    private static let page: UInt64 = 4096

    private func placement(
        _ text: String, mounts: String = "", mostBytes: Int = ProcessFiles.mostPlacementBytes,
        isOver: () -> Bool = { false }
    ) throws -> MemoryPlacement? {
        let tree = Tree()
        try tree.write("/proc/42/numa_maps", text)
        try tree.write("/proc/42/mounts", mounts)
        return tree.host.process(42).memoryPlacement(mostBytes: mostBytes, isOver: isOver)
    }

    @Test func tellsKindsOfMemoryApart() throws {
        let memory = try #require(
            try placement(
                """
                555e67742000 default file=/usr/bin/python3.11 mapped=7 mapmax=3 N0=5 N1=2 kernelpagesize_kB=4
                555e89f6a000 default heap anon=11 dirty=11 active=0 N1=11 kernelpagesize_kB=4
                7f0000000000 default anon=1024 dirty=1024 N0=512 N1=512 kernelpagesize_kB=4
                7f1000000000 default file=/anon_hugepage\\040(deleted) huge anon=3 dirty=3 N1=3 kernelpagesize_kB=2048
                7f2000000000 default file=/dev/zero\\040(deleted) dirty=13 N0=13 kernelpagesize_kB=4
                7f3000000000 default file=/memfd:weights\\040(deleted) dirty=17 N1=17 kernelpagesize_kB=4
                7f4000000000 default file=/SYSV00000000\\040(deleted) dirty=19 N1=19 kernelpagesize_kB=4
                7ffc00000000 default stack anon=5 dirty=5 N0=5 kernelpagesize_kB=4
                7ffc00100000 default
                """))
        #expect(memory.anonymous == [0: 517 * Self.page, 1: 523 * Self.page])
        #expect(memory.shared == [0: 13 * Self.page, 1: 36 * Self.page])
        #expect(memory.file == [0: 5 * Self.page, 1: 2 * Self.page])
        #expect(memory.hugetlb == [1: 3 << 21])
        #expect(memory.gap == nil)
        let own = 517 * Self.page + 13 * Self.page
        #expect(memory.ownBytes == [0: own, 1: 559 * Self.page + 3 << 21])
    }

    @Test(arguments: [
        "default", "bind:1", "bind=static:0-1", "prefer:0", "prefer (many):0,2",
        "interleave:0-3", "local", "weighted interleave:0-3", "prefer=relative:1",
    ])
    func keepsThePolicyAsTheKernelWritesIt(policy: String) throws {
        let memory = try placement(
            """
            7f0000000000 \(policy) anon=3 dirty=3 N2=3 kernelpagesize_kB=4
            7f0000010000 \(policy) file=/lib/x heap N2=4 kernelpagesize_kB=4
            7f0000020000 \(policy)
            """)
        #expect(memory?.policies == [policy: 7 * Self.page])
        #expect(memory?.gap == nil)
    }

    @Test func filesOnTmpfsAreSharedMemory() throws {
        let lines = [
            "/run/a\\040b/weights", "/run/disk/x", "/srv/plain", "/srvx/y", "/gone\\040(deleted)",
        ].enumerated().map { index, path in
            "7f\(index)000000000 default file=\(path) mapped=1 N0=\(1 << index) kernelpagesize_kB=4"
        }
        let memory = try placement(
            lines.joined(separator: "\n"),
            mounts: """
                overlay / overlay rw 0 0
                tmpfs /run tmpfs rw 0 0
                tmpfs /run/a\\040b ext4 rw 0 0
                tmpfs /run/a\\040b tmpfs rw 0 0
                /dev/vda /run/disk ext4 rw 0 0
                cut
                tmpfs /srvx/ tmpfs rw 0 0
                ramfs /srv ramfs rw 0 0
                """)
        #expect(memory?.shared == [0: (1 + 4) * Self.page])
        #expect(memory?.file == [0: (2 + 8 + 16) * Self.page])
    }

    @Test func copiesOfFilePagesAreAnonymous() throws {
        let memory = try placement(
            """
            7f0000000000 default file=/lib/libc.so.6 anon=4 dirty=4 N0=6 N1=2 kernelpagesize_kB=4
            7f1000000000 default file=/lib/libc.so.6 anon=5 dirty=5 N1=5 kernelpagesize_kB=4
            """)
        #expect(memory?.anonymous == [0: 3 * Self.page, 1: 6 * Self.page])
        #expect(memory?.file == [0: 3 * Self.page, 1: 1 * Self.page])
    }

    @Test func aProcessThatIsGoneOrEmptyIsUnknown() throws {
        #expect(Tree().host.process(42).memoryPlacement { false } == nil)
        let tree = Tree()
        try tree.write("/proc/42/numa_maps", bytes: [])
        #expect(tree.host.process(42).memoryPlacement { false } == nil)
    }

    @Test func whatWasReadStaysWhenTheTimeIsOver() throws {
        let line = "7f0000000000 default anon=3 dirty=3 N1=3 kernelpagesize_kB=4"
        let text = Array(repeating: line, count: 5000).joined(separator: "\n")
        var questions = 0
        let memory = try #require(
            try placement(text) {
                questions += 1
                return questions == 2
            })
        let areas = (memory.anonymous[1] ?? 0) / (3 * Self.page)
        #expect(areas > 0 && areas < 5000)
        #expect(memory.gap == "the time for numa_maps was over after \(areas) areas")
    }

    @Test func whatWasReadStaysWhenTheFileIsTooLong() throws {
        let line = "7f0000000000 default anon=3 dirty=3 N1=3 kernelpagesize_kB=4"
        let text = Array(repeating: line, count: 5000).joined(separator: "\n")
        let memory = try #require(try placement(text, mostBytes: 100_000))
        let areas = (memory.anonymous[1] ?? 0) / (3 * Self.page)
        #expect(areas > 1000 && areas < 5000)
        #expect(memory.gap == "only the first 131072 bytes of numa_maps were read")
    }

    @Test func piecesMayEndAnywhere() {
        let text = Array(
            """
            7f0000000000 prefer (many):0-1 anon=9 dirty=9 N0=4 N1=5 kernelpagesize_kB=4
            7f1000000000 default file=/memfd:a huge dirty=2 N1=2 kernelpagesize_kB=1048576

            """.utf8)
        var whole = PlacementSum(MemoryFiles(mounts: []))
        whole.add(text)
        whole.finish()
        #expect(whole.areas == 2 && whole.refused == 0)
        #expect(whole.placement.hugetlb == [1: 2 << 30])
        for size in 1..<text.count {
            var sum = PlacementSum(MemoryFiles(mounts: []))
            for start in stride(from: 0, to: text.count, by: size) {
                sum.add(Array(text[start..<min(start + size, text.count)]))
            }
            sum.finish()
            #expect(sum.placement == whole.placement && sum.refused == 0, "pieces of \(size)")
        }
    }

    @Test(arguments: [
        "", "zz default", "7f00", "7f00 default N0=", "7f00 default N0=x kernelpagesize_kB=4",
        "7f00 default N=3 kernelpagesize_kB=4", "7f00 default N0=3",
        "7f00 default anon=4 N0=3 kernelpagesize_kB=4", "7f00 default anon=4",
        "7f00 default N0=3 kernelpagesize_kB=0", "7f00 default N0=3 kernelpagesize_kB=20",
        "7f00 default N0=3 kernelpagesize_kB=33554432",
        "7f00 default N1024=3 kernelpagesize_kB=4", "7f00 default N-1=3 kernelpagesize_kB=4",
        "7f00 default N0=18446744073709551615 kernelpagesize_kB=4",
        "7f00 default N0=18446744073709551616 kernelpagesize_kB=4",
        "7f00 default N0=18446744073709551615 N1=1 kernelpagesize_kB=4",
    ])
    func linesThatMakeNoSenseAreCountedAndLeftOut(line: String) throws {
        let good = "7f1000000000 default anon=3 dirty=3 N1=3 kernelpagesize_kB=4"
        let memory = try #require(try placement([good, line, good].joined(separator: "\n")))
        #expect(memory.anonymous == [1: 6 * Self.page] && memory.policies.count == 1)
        #expect(memory.gap == "lines of numa_maps that make no sense: 1")
    }

    @Test func theLargestNumbersDoNotOverflow() throws {
        let line = "7f00 default anon=4503599627370495 N0=4503599627370495 kernelpagesize_kB=4"
        let memory = try placement(Array(repeating: line, count: 3).joined(separator: "\n"))
        #expect(memory?.anonymous == [0: .max] && memory?.ownBytes == [0: .max])
    }

    @Test func truncationsNeverInventMemory() {
        let text = Array(
            """
            7f0000000000 weighted interleave:0-1 file=/l anon=9 dirty=9 N0=40 N1=5 kernelpagesize_kB=4
            7f1000000000 default file=/memfd:a huge dirty=2 N1=21 kernelpagesize_kB=2048

            """.utf8)
        var whole = PlacementSum(MemoryFiles(mounts: []))
        whole.add(text)
        for length in 0...text.count {
            var sum = PlacementSum(MemoryFiles(mounts: []))
            sum.add(Array(text[..<length]))
            sum.finish()
            #expect(sum.areas <= 2 && sum.areas + sum.refused <= 2)
            for (node, bytes) in sum.placement.ownBytes {
                #expect(bytes <= whole.placement.ownBytes[node] ?? 0)
            }
        }
    }

    @Test func noiseNeverCrashes() {
        let words = [
            "7f00", "default", "prefer", "(many)", "weighted", "interleave:0-3", "file=/a\\04",
            "file=", "huge", "N", "N0", "N1=3", "N0=99999999999", "N00=1", "anon=1", "anon=",
            "kernelpagesize_kB=4", "kernelpagesize_kB=", "\n", "\n", "\t", "\u{fffd}", "=", "\\777",
        ]
        var state: UInt64 = 4711
        func dice(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % sides
        }
        for _ in 0..<3000 {
            var sum = PlacementSum(MemoryFiles(mounts: Array("a /a tmpfs\n\\0 /\\ x".utf8)))
            var text = Array(
                (0..<dice(40)).map { _ in words[dice(words.count)] }
                    .joined(separator: " ").utf8)
            for _ in 0..<dice(6) where !text.isEmpty {
                text[dice(text.count)] = UInt8(dice(256))
            }
            sum.add(text)
            sum.finish()
            #expect(sum.placement.ownBytes.keys.allSatisfy { 0..<1024 ~= $0 })
        }
    }

    @Test func knowsItsOwnMemory() throws {
        let host = Host()
        let pid = Int32(ProcessInfo.processInfo.processIdentifier)
        guard host.exists("/proc/\(pid)/numa_maps") else { return }
        let memory = try #require(host.process(pid).memoryPlacement { false })
        #expect(memory.gap == nil)
        #expect(memory.anonymous.values.reduce(0, +) > 1 << 20)
        #expect(memory.file.values.reduce(0, +) > 1 << 20)
        #expect(memory.policies["default"] ?? 0 > 1 << 21)
    }
}
