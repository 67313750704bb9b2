/// Where threads, memory, interrupts and devices sit. Order is who may claim a loss first, and
/// what is to be done first: a rank is placed before balancing is switched off.
package let placementRules: [Rule] = [
    .hugetlbPoolPerNode,
    .hugepage1GBoot,
    .cpusetSpansNodes,
    .numaBindGPULocal,
    .numaRemoteMemory,
    .numaThreadDrift,
    .nodeCacheExhaustion,
    .numaBalancingOff,
    .loadersAcrossNodes,
    .nicIRQLocalNode,
    .nvmeManagedIRQ,
    .deviceFarFromJob,
    .numaNodeUnknown,
]
