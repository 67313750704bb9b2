/// Where the memory of one process lies, summed over /proc/PID/numa_maps. Bytes by node.
package struct MemoryPlacement: Sendable, Equatable, Codable {
    /// Private memory that no file backs, huge pages of the transparent kind included.
    package var anonymous: [Int: UInt64] = [:]
    /// Shared memory (tmpfs, /dev/shm, memfd, System V).
    package var shared: [Int: UInt64] = [:]
    /// Mapped file contents.
    package var file: [Int: UInt64] = [:]
    /// Pages out of the reserved pools (hugetlbfs, MAP_HUGETLB).
    package var hugetlb: [Int: UInt64] = [:]
    /// Bytes by policy as the kernel writes it: `default`, `bind:1`, `prefer:0`, `interleave:0-3`.
    package var policies: [String: UInt64] = [:]
    /// Why a part is missing; `nil` when all of it was read.
    package var gap: String?

    package init() {}
}
