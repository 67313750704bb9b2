extension Topology {
    /// Nodes that have memory of their own. With fewer than two no memory is remote, and nothing
    /// that is about its place needs to be looked at.
    package var nodesWithMemory: [NodeFacts] { nodes.filter { $0.memoryBytes > 0 } }
}

extension MemoryPlacement {
    /// Bytes by node of all that belongs to the process: file contents, which the kernel keeps for
    /// everybody, are left out.
    package var ownBytes: [Int: UInt64] {
        [anonymous, shared, hugetlb].reduce(into: [:]) { sums, kind in
            sums.merge(kind, uniquingKeysWith: saturatingSum)
        }
    }
}

/// No host has as much memory as makes this saturate; what is not from a host may say it has.
func saturatingSum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflows) = left.addingReportingOverflow(right)
    return overflows ? .max : sum
}
