/// Links, PCIe and the fabric: first what is broken, then what is slow, then settings.
package let fabricRules: [Rule] = [
    .pcieLinkDegraded,
    .pcieErrorsReplay,
    .ibRateDegraded,
    .ibLinkErrors,
    .ibLinkFlap,
    .ibCongestion,
    .roceRetransmits,
    .receiverNotReady,
    .socketFallback,
    .rocePFCECNMisconfig,
    .roceMTU,
    .gpuNICTopology,
    .gpuDirectModule,
    .pcieReadRequest,
    .pcieRelaxedOrdering,
]

/// Settings of PCI Express that cost something only together with certain devices.
package let pcieSettingRules: [Rule] = [
    .pcieAccessControl,
    .iommuTranslation,
    .pcieASPM,
]
