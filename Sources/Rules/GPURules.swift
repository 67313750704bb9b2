/// What the GPUs' own drivers say. None of these is the host's doing but the settings: they are
/// told so that the host is not blamed. Broken hardware stands first.
package let gpuRules: [Rule] = [
    .gpuErrors,
    .gpuThermal,
    .gpuPowerCap,
    .gpuApplicationClocks,
    .gpuDriverMismatch,
    .fabricManager,
    .gdrcopyMissing,
    .gpuPersistence,
    .launchGap,
    .loaderWorkersTooFew,
    .nothingFound,
]
