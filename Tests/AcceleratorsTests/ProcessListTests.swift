import Testing

@testable import Accelerators

struct ProcessListTests {
    /// Entries as the driver writes them: pid, padding that is not written, memory, two instances
    /// and, in the wide layout, protected memory.
    private func written(_ pids: [UInt32], stride: Int, room: Int = 9) -> [UInt8] {
        var bytes = [UInt8](repeating: ProcessList.filler, count: room * ProcessList.widest)
        for (index, pid) in pids.enumerated() {
            let start = index * stride
            for byte in 0..<4 { bytes[start + byte] = UInt8(truncatingIfNeeded: pid >> (byte * 8)) }
            for byte in 8..<16 { bytes[start + byte] = 0 }
            for byte in 16..<24 { bytes[start + byte] = 0xff }
            for byte in 24..<max(stride, 24) { bytes[start + byte] = 0 }
        }
        return bytes
    }

    @Test(arguments: [24, 32]) func bothLayoutsAreTold(stride: Int) {
        for pids in [[7], [5_000, 5_001, 4_194_303]] as [[UInt32]] {
            let bytes = written(pids, stride: stride)
            #expect(ProcessList.pids(in: bytes, count: pids.count) == pids.map { Int32($0) })
        }
    }

    @Test func anUnknownLayoutIsNotGuessed() {
        #expect(ProcessList.pids(in: written([5, 7], stride: 16), count: 2) == nil)
        #expect(ProcessList.pids(in: written([5, 7], stride: 24), count: 3) == nil)
        #expect(ProcessList.pids(in: written([], stride: 24), count: 2) == nil)
        #expect(ProcessList.pids(in: [], count: 1) == nil)
        #expect(ProcessList.pids(in: [1, 2, 3], count: -1) == nil)
        #expect(ProcessList.pids(in: written([], stride: 24), count: 0) == [])
    }
}
