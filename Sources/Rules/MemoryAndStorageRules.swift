/// Memory, storage, limits and power. Order is who may claim a loss first.
package let memoryAndStorageRules: [Rule] = [
    // Limits that break a job.
    .memlockUnlimited,
    .nofileLimit,
    .maxMapCount,
    .devShmSize,
    .ipcUlimitsAndPids,
    // Memory.
    .memcgLimitPressure,
    .swapActive,
    .thpDefragDirectStall,
    .compactionProactiveness,
    .thpFallbackFragmentation,
    .watermarkScaleFactor,
    .zoneReclaimMode,
    .pageCacheThrash,
    .tlbShootdownStorm,
    .mmapLockContention,
    .khugepagedNoise,
    .ksm,
    // Storage.
    .dirtyBytesWriteback,
    .blockReadahead,
    .loaderStorageWait,
    .ioSchedulerNvme,
    // Power.
    .cpuThermalThrottle,
    .cpufreqGovernor,
    .turboDisabled,
    .deepCstates,
    // Settings.
    .thpEnabledPolicy,
]
