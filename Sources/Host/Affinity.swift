import CScheduler

/// CPUs that a thread may run on, asked of the kernel: a twentieth of the cost of its status file.
/// CPUs that are offline are left out. `nil` when the thread is gone.
package func schedulingAffinity(of tid: Int32) -> CPUList? {
    // The kernel wants room for every CPU that it could have: 8,192 at most.
    var words = [UInt](repeating: 0, count: 8_192 / UInt.bitWidth)
    guard scheduler_affinity(tid, &words, Int32(words.count)) == 0 else { return nil }
    var cpus: [Int] = []
    for (index, word) in words.enumerated() where word != 0 {
        for bit in 0..<UInt.bitWidth where word >> UInt(bit) & 1 == 1 {
            cpus.append(index * UInt.bitWidth + bit)
        }
    }
    return CPUList(cpus)
}
