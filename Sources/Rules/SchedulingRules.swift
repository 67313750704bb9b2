/// The rules about CPU time, the more specific first: it may claim a loss before the others.
package let schedulingRules: [Rule] = [
    .cpuMaxThrottling,
    .irqOnTrainingCores,
    .softirqOnTrainingCores,
    .llcMigration,
    .affinityChurn,
    .noisyNeighbour,
    .kthreadNoise,
    .ompOversubscription,
    .loaderWorkersTooMany,
    .cpusetTooSmall,
    .ranksShareCPUs,
    .irqbalanceState,
    .cpusetIsolatedPartition,
    .isolcpusNohzFull,
    .clocksourceNotTSC,
]
