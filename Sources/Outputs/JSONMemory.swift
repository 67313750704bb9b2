import Host
import Signals
import Training

/// Memory nodes and what the kernel does to keep memory near; null where there is only one node.
func numa(_ observation: Observation) -> JSON {
    guard observation.facts.topology.nodes.count > 1 else { return .null }
    let nodes = (try? observation.whole(NodeMemory.self))?.nodes
    let balancing = try? observation.whole(NUMABalancing.self)
    return .object([
        ("nodes", nodes.map { .array($0.map(node)) } ?? .null),
        ("balancing", balancing.map(figures) ?? .null),
    ])
}

/// Where a process's memory lies: bytes by node.
func memory(_ placement: MemoryPlacement) -> JSON {
    .object([
        ("anonymous", byNode(placement.anonymous)),
        ("shared", byNode(placement.shared)),
        ("file", byNode(placement.file)),
        ("hugetlb", byNode(placement.hugetlb)),
        (
            "policies",
            .object(placement.policies.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) })
        ),
        ("gap", JSON(placement.gap)),
    ])
}

/// Null where no probe tells it, and on hosts of one node.
func secondsByNode(_ thread: ThreadActivity) -> JSON {
    guard !thread.timeByNode.isEmpty else { return .null }
    let nodes = thread.timeByNode.sorted { $0.key < $1.key }
    return .object(nodes.map { ("\($0.key)", JSON(seconds: $0.value)) })
}

private func byNode(_ bytes: [Int: UInt64]) -> JSON {
    .object(bytes.sorted { $0.key < $1.key }.map { ("\($0.key)", JSON($0.value)) })
}

private func node(_ node: NodeMemoryActivity) -> JSON {
    .object([
        ("id", JSON(node.id)),
        ("hits", JSON(node.hits)),
        ("misses", JSON(node.misses)),
        ("foreign", JSON(node.foreign)),
        ("local", JSON(node.local)),
        ("other", JSON(node.other)),
        ("totalBytes", JSON(node.total)),
        ("freeBytes", JSON(node.free)),
        ("fileBytes", JSON(node.file)),
        ("anonymousBytes", JSON(node.anonymous)),
        ("anonymousHugeBytes", JSON(node.anonymousHuge)),
        ("hugepages", .array(node.hugepages.map(pool))),
    ])
}

private func pool(_ pool: HugepagePool) -> JSON {
    .object([
        ("pageBytes", JSON(pool.pageBytes)),
        ("total", JSON(pool.total)),
        ("free", JSON(pool.free)),
        ("surplus", JSON(pool.surplus)),
    ])
}

private func figures(_ balancing: NUMABalancing) -> JSON {
    .object([
        ("pagesMarked", JSON(balancing.pagesMarked)),
        ("hintFaults", JSON(balancing.hintFaults)),
        ("localHintFaults", JSON(balancing.localHintFaults)),
        ("pagesMigrated", JSON(balancing.pagesMigrated)),
        (
            "migratedByReason",
            .object(balancing.migrated.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) })
        ),
        ("scans", balancing.scans.map { .array($0.map(scan)) } ?? .null),
    ])
}

private func scan(_ scan: NUMAScan) -> JSON {
    .object([
        ("tid", JSON(scan.tid)),
        ("count", JSON(scan.count)),
        ("seconds", JSON(seconds: scan.nanoseconds)),
        ("longestSeconds", JSON(seconds: scan.longest)),
    ])
}
